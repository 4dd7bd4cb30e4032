/** A profile in the file format of speedscope (https://www.speedscope.app/file-format-schema.json). */

import { profileName } from './frames.ts';
import type { Profile } from './profile.ts';

export function speedscopeText(profile: Profile): string {
  const frames: { name: string; file?: string; line?: number }[] = [];
  const known = new Map<string, number>();
  const samples = profile.stacks.map((stack) =>
    stack.frames.map((frame) => {
      const name = profileName(frame);
      const key = `${name}\0${frame.file}:${frame.line}`;
      const index = known.get(key) ?? frames.length;
      if (index === frames.length) {
        known.set(key, index);
        frames.push({ name, ...(frame.file === '' ? {} : { file: frame.file, line: frame.line }) });
      }
      return index;
    }),
  );
  const weights = profile.stacks.map((stack) => stack.samples);
  return `${JSON.stringify({
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    exporter: 'hathi profile',
    name: `pool ${profile.pool}`,
    activeProfileIndex: 0,
    shared: { frames },
    profiles: [
      {
        type: 'sampled',
        name: `pool ${profile.pool}, ${profile.seconds} s at ${profile.hertz} Hz`,
        unit: 'none',
        startValue: 0,
        endValue: profile.samples,
        samples,
        weights,
      },
    ],
  })}\n`;
}
