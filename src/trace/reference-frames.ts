/** A stack in the format of PHP-FPM's slow log, which monitoring parses. */

import { type Call, callKinds } from './walker.ts';

/**
 * One line a call: its address, the function's name without its class, and the current place of the nearest outer call
 * written in PHP. The request's script itself is omitted.
 *
 * @param depth maximum of lines
 */
export function referenceFrames(calls: readonly Call[], depth: number): string[] {
  const lines: string[] = [];
  for (const [index, call] of calls.entries()) {
    if (lines.length >= depth || call.kind === callKinds.main) break;
    // The search stops at a place-holder.
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
      // php-fpm shows a function without a name, such as the first one of a fiber, as an included file.
      return name === '' ? '[INCLUDE_OR_EVAL]' : name;
    case callKinds.unknown:
    case callKinds.main:
      return '???';
    default:
      throw new Error(`no name for a call of the kind ${String(kind satisfies never)}`);
  }
}
