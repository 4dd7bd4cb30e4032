/** A stack in the words of PHP-FPM's slow log (fpm-behaviour 11.7), which monitoring parses. */

import { type Call, callKinds } from './walker.ts';

/**
 * One line a call: its address, the function's name without its class, and where the next call below that is written
 * in PHP is now. The request's script itself is no call.
 *
 * @param depth at most as many lines
 */
export function referenceFrames(calls: readonly Call[], depth: number): string[] {
  const lines: string[] = [];
  for (const [index, call] of calls.entries()) {
    if (lines.length >= depth || call.kind === callKinds.main) break;
    // The search goes no further than a place-holder.
    const caller = calls.slice(index + 1).find(({ kind, file }) => kind === callKinds.unknown || file !== '');
    const place = caller === undefined || caller.file === '' ? 'unknown:0' : `${caller.file}:${caller.line}`;
    lines.push(`[0x${call.address.toString(16).padStart(16, '0')}] ${nameOf(call)}() ${place}`);
  }
  return lines;
}

function nameOf({ kind, name }: Call): string {
  switch (kind) {
    case callKinds.user:
    case callKinds.internal:
    case callKinds.included:
      // A function without a name, as the one that a fiber begins with, passes for an included file.
      return name === '' ? '[INCLUDE_OR_EVAL]' : name;
    case callKinds.unknown:
    case callKinds.main:
      return '???';
    default:
      throw new Error(`no name for a call of the kind ${String(kind satisfies never)}`);
  }
}
