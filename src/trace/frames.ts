/** Converts a stack to readable frames: with classes, places of closures and kinds of include. */

import { asBinary, type BinaryString } from '../text/binary.ts';
import { shownText } from '../text/unsafe.ts';
import type { StackFrame } from './frame.ts';
import { type Call, callKinds } from './walker.ts';

/** Extended values of the opcode for include and eval, since PHP 5. */
const inclusions: Readonly<Record<number, string>> = {
  1: 'eval',
  2: 'include',
  4: 'include_once',
  8: 'require',
  16: 'require_once',
};

const fileCalls: ReadonlySet<string> = new Set(['{main}', ...Object.values(inclusions)]);

/** All calls, innermost first, down to `{main}`, the request's script. */
export function stackFrames(calls: readonly Call[]): StackFrame[] {
  return calls.map((call, index) => {
    // PHP's own functions have no place; their frame shows the place of the call.
    const position = calls.slice(index).find(({ file }) => file !== '');
    return frameOf(call, calls[index + 1], position?.file ?? asBinary(''), position?.line ?? 0);
  });
}

function frameOf(call: Call, caller: Call | undefined, file: BinaryString, line: number): StackFrame {
  return {
    function: nameOf(call, caller),
    ...(call.scope === '' ? {} : { class: shownText(className(call.scope)) }),
    file: shownText(file),
    line,
  };
}

/** The same with the place of each function's declaration, which stays the same in all samples. */
export function declaredFrames(calls: readonly Call[]): StackFrame[] {
  return calls.map((call, index) => frameOf(call, calls[index + 1], call.file, call.startLine));
}

/** `Class::function`, as PHP writes it. */
export function callName({ class: className, function: name }: StackFrame): string {
  return className === undefined ? name : `${className}::${name}`;
}

/** Name in a profile: a script or an included file is named by its path. */
export function profileName(frame: StackFrame): string {
  return fileCalls.has(frame.function) ? `${frame.function} ${frame.file}` : callName(frame);
}

function nameOf(call: Call, caller: Call | undefined): string {
  switch (call.kind) {
    case callKinds.user:
    case callKinds.internal:
      if (call.name === '') return '{internal}';
      return shownText(call.isClosure ? closureName(call) : call.name);
    case callKinds.included:
      return inclusions[caller?.includes ?? 0] ?? 'include';
    case callKinds.main:
      return '{main}';
    case callKinds.unknown:
      return '???';
    default:
      throw new Error(`no name for a call of the kind ${String(call.kind satisfies never)}`);
  }
}

/**
 * PHP 8.4 names closures by their place; the names of older versions, with or without a namespace, are converted to
 * that form.
 */
function closureName({ name, file, startLine }: Call): BinaryString {
  return /(?:^|\\)\{closure\}$/.test(name) ? asBinary(`{closure:${file}:${startLine}}`) : name;
}

/** An anonymous class has a NUL and its place after its name. */
function className(scope: BinaryString): BinaryString {
  const end = scope.indexOf('\0');
  return end < 0 ? scope : asBinary(scope.slice(0, end));
}
