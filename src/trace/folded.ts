/** A profile as folded stacks, the input of most flame graph programs: one stack a line, then its sample count. */

import { profileName } from './frames.ts';
import type { Profile } from './profile.ts';

export function foldedText({ stacks }: Profile): string {
  return stacks
    .map(
      ({ frames, samples }) => `${frames.map((frame) => plain(profileName(frame))).join(';')} ${samples}\n`,
    )
    .join('');
}

/** A semicolon separates calls and the last blank ends the stack; control characters were removed earlier. */
function plain(name: string): string {
  return name.replaceAll(';', ':');
}
