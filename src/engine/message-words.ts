/** Parsing of messages by the forms of message-table.ts: each word is checked before its use. */

import type { Message } from './contract.ts';
import type { MessageRow } from './message-table.ts';
import { isRequestId } from './request-id.ts';

export const hostLogLevels = ['debug', 'notice', 'warning', 'error', 'alert'] as const;
export type HostLogLevel = (typeof hostLogLevels)[number];

/** Values of a message's words. */
export interface WordValues {
  slot?: number | undefined;
  pid?: number | undefined;
  /** `CODE` or `NUMBER`. */
  number?: number | undefined;
  level?: HostLogLevel | undefined;
  id?: string | undefined;
  requestId?: string | undefined;
  /** Literal words and choices. */
  readonly fixed: string[];
}

/** Ids of questions. A host's invention may end up in logs and is sent back to it. */
const questionId = /^[A-Za-z0-9._-]{1,64}$/;

/** A message that fits a row of its table. */
export interface ReadMessage<Verb extends string> {
  readonly verb: Verb;
  readonly values: WordValues;
  /** Empty for a message without one. */
  readonly payload: Uint8Array;
}

/**
 * @param rows the messages of the sender
 * @param slotCount number of the pool's slots; slots from this number on are refused
 * @returns undefined for a message that is none of them
 */
export function readMessage<Verb extends string>(
  rows: Readonly<Record<Verb, MessageRow>>,
  { words, payload }: Message,
  slotCount: number,
): ReadMessage<Verb> | undefined {
  const [verb = '', ...rest] = words;
  if (!isKeyOf(rows, verb)) return undefined;
  const row = rows[verb];
  const values = row.forms.map((form) => readWords(form.words, rest, slotCount)).find(Boolean);
  if (values === undefined || (payload !== undefined) !== row.payload) return undefined;
  return { verb, values, payload: payload ?? new Uint8Array() };
}

function isKeyOf<Key extends string>(rows: Readonly<Record<Key, unknown>>, word: string): word is Key {
  return Object.hasOwn(rows, word);
}

/** @returns undefined for words that do not match the form */
function readWords(form: string, words: readonly string[], slotCount: number): WordValues | undefined {
  const values: WordValues = { fixed: [] };
  const wanted = form === '' ? [] : form.split(' ');
  let at = 0;
  for (const kind of wanted) {
    const word = words[at];
    const optional = /^\[(.*)\]$/.exec(kind)?.[1];
    if (word === undefined && optional !== undefined) continue;
    if (word === undefined || !readWord(optional ?? kind, word, values, slotCount)) return undefined;
    at += 1;
  }
  return at === words.length ? values : undefined;
}

function readWord(kind: string, word: string, values: WordValues, slotCount: number): boolean {
  switch (kind) {
    case 'SLOT':
      values.slot = numberBelow(word, slotCount);
      return values.slot !== undefined;
    case 'PID':
      values.pid = numberBelow(word, 2 ** 31);
      return values.pid !== undefined;
    case 'CODE':
      values.number = numberBelow(word, 256);
      return values.number !== undefined;
    case 'NUMBER':
      values.number = numberBelow(word, 128);
      return values.number !== undefined;
    case 'LEVEL':
      values.level = hostLogLevels.find((known) => known === word);
      return values.level !== undefined;
    case 'ID':
      values.id = word;
      return questionId.test(word);
    case 'REQUEST':
      values.requestId = word;
      return isRequestId(word);
    default:
      values.fixed.push(word);
      return kind.split('|').includes(word);
  }
}

/** @returns undefined unless the word is a number below the limit */
function numberBelow(word: string, limit: number): number | undefined {
  const value = Number(word);
  return /^\d{1,10}$/.test(word) && value < limit ? value : undefined;
}
