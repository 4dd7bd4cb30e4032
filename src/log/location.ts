/** Place in the program that logged a message, for the debug form of the error log. */
import type { Location } from './line.ts';

/** `    at Listener.open (file:///…/listener.ts:88:5)`, or without a name `    at file:///…/main.ts:3:1`. */
const frame = /^\s+at (?:(?:async |new )?(?<name>[^()]+?) (?:\[as [^\]]+\] )?\()?.*?:(?<line>\d+):\d+\)?$/;

/**
 * Function and line of the caller of `inside`, the outermost function of the log. php-fpm prints its C function here;
 * we print ours, and `main` at the top level of a module.
 */
export function callerLocation(inside: (...args: never[]) => unknown): Location {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(holder, inside);
  Error.stackTraceLimit = limit;
  const groups = frame.exec(holder.stack?.split('\n')[1] ?? '')?.groups;
  // Log parsers expect a plain word, so `#` of private methods is dropped.
  const name = groups?.['name']?.split('.').at(-1)?.replace('#', '') ?? 'main';
  return {
    pid: process.pid,
    function: name === '<anonymous>' ? 'anonymous' : name,
    line: Number(groups?.['line'] ?? 0),
  };
}
