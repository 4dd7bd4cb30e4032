/** A profile as folded stacks, the input of most flame graph programs: one stack a line, then its samples. */

import { profileName } from './frames.ts';
import type { Profile } from './profile.ts';

export function foldedText({ stacks }: Profile): string {
  return stacks
    .map(
      ({ frames, samples }) => `${frames.map((frame) => plain(profileName(frame))).join(';')} ${samples}\n`,
    )
    .join('');
}

/** The semicolon separates and the last blank ends; control characters are gone already. */
function plain(name: string): string {
  return name.replaceAll(';', ':');
}
