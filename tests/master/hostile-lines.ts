/** Lines that are no message, made from the table of messages: each form of each message, damaged in every way. */

import { hostMessages, type MessageRow } from '../../src/engine/message-table.ts';

export interface HostileLine {
  readonly verb: string;
  /** The fault. */
  readonly fault: string;
  /** The line, without its payload, which has no byte. */
  readonly line: string;
}

/** A good value for each kind of word; a pool has one slot. */
const good: Readonly<Record<string, string>> = {
  SLOT: '0',
  PID: '770',
  CODE: '0',
  NUMBER: '9',
  LEVEL: 'notice',
  ID: '1',
  REQUEST: 'r1',
};
/** And one that is none. */
const bad: Readonly<Record<string, readonly string[]>> = {
  SLOT: ['1', '-1', '4294967296', '0x0', 'a'],
  PID: ['-1', '2147483648', '1e9', ''],
  CODE: ['256', '-0'],
  NUMBER: ['128'],
  LEVEL: ['loud', 'constructor'],
  ID: ['a#b', 'x'.repeat(65), '\x07'],
  REQUEST: ['a"b'],
};

const kindOf = (word: string): string => word.replace(/^\[(.*)\]$/, '$1');
const goodWord = (word: string): string => good[kindOf(word)] ?? kindOf(word).split('|')[0] ?? '';

function* damaged(verb: string, form: string, payload: boolean): Generator<HostileLine> {
  const words = form === '' ? [] : form.split(' ');
  const values = words.map(goodWord);
  const line = (parts: readonly string[], withPayload = payload): string =>
    [verb, ...parts, ...(withPayload ? ['#0'] : [])].join(' ');
  yield { verb, fault: payload ? 'no payload' : 'a payload', line: line(values, !payload) };
  yield { verb, fault: 'a word too many', line: line([...values, 'more']) };
  const needed = words.filter((word) => !word.startsWith('[')).length;
  if (needed > 0) yield { verb, fault: 'a word too few', line: line(values.slice(0, needed - 1)) };
  for (const [index, word] of words.entries()) {
    const kind = kindOf(word);
    for (const value of bad[kind] ?? ['wrong']) {
      yield { verb, fault: `${kind} "${value}"`, line: line(values.with(index, value)) };
    }
  }
}

/** All of them. */
export function hostileLines(): HostileLine[] {
  const rows: [string, MessageRow][] = Object.entries(hostMessages);
  return rows.flatMap(([verb, { payload, forms }]) =>
    forms.flatMap(({ words }) => [...damaged(verb, words, payload)]),
  );
}
