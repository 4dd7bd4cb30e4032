/**
 * Messages of a host as typed values. They come from a process with foreign code: each number is range-checked before
 * its use.
 */

import { binaryOf } from '../text/binary.ts';
import { ContractError, contractVersion, type Message, type WorkerEnd } from './contract.ts';
import { type HostVerb, hostMessages, type MessageRow } from './message-table.ts';
import { isRequestId } from './request-id.ts';

export const hostLogLevels = ['debug', 'notice', 'warning', 'error', 'alert'] as const;
export type HostLogLevel = (typeof hostLogLevels)[number];

export type HostMessage =
  | { readonly type: 'ready'; readonly facts: HostFacts }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'up'; readonly slot: number; readonly pid: number }
  /** Worker mode: the worker's application failed to boot. */
  | { readonly type: 'boot-failed'; readonly slot: number; readonly pid: number; readonly reason: string }
  /** Worker mode: asks for another generation in which the applications boot again. */
  | { readonly type: 'renew'; readonly reason: string }
  /** Worker mode: a request waits for a worker that runs scripts. */
  | { readonly type: 'wanted' }
  | { readonly type: 'ended'; readonly slot: number; readonly pid: number; readonly end: WorkerEnd }
  | {
      readonly type: 'output';
      readonly slot: number;
      readonly pid: number;
      readonly stream: 'stdout' | 'stderr';
      /** Undefined when the request that wrote them is unknown. */
      readonly requestId: string | undefined;
      readonly bytes: Uint8Array;
    }
  | { readonly type: 'flush'; readonly slot: number; readonly pid: number }
  /** The next message on the descriptor channel is the worker's memory, open for reading. */
  | { readonly type: 'memory'; readonly slot: number; readonly pid: number }
  | { readonly type: 'no-memory'; readonly slot: number; readonly pid: number; readonly reason: string }
  | { readonly type: 'log'; readonly level: HostLogLevel; readonly text: string }
  /** With the slot of a worker that the host makes itself, as `watch` allowed. */
  | { readonly type: 'waiting'; readonly slot?: number }
  | { readonly type: 'status'; readonly id: string; readonly query: string }
  /** Answer to the question with that id. */
  | { readonly type: 'alive'; readonly id: string }
  /** After `drain` no worker accepts any more. */
  | { readonly type: 'stopped' }
  | { readonly type: 'drained' };

/** Facts about the engine in `ready`. */
export interface HostFacts {
  readonly engine: string;
  readonly php: string;
  readonly sapi: string;
  readonly detail: string;
  /** `expose_php`: PHP's answers name it. */
  readonly isExposed: boolean;
  readonly extensions: readonly string[];
  readonly warnings: readonly string[];
}

/** Values of a message's words. */
interface WordValues {
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

function isHostVerb(word: string): word is HostVerb {
  return Object.hasOwn(hostMessages, word);
}

/**
 * Parses one message of a host.
 *
 * @param slotCount number of the pool's slots; slots from this number on are refused
 * @throws ContractError for a message that is not in docs/contract.md
 */
export function parseHostMessage(message: Message, slotCount: number): HostMessage {
  const [verb = '', ...words] = message.words;
  const { payload } = message;
  if (!isHostVerb(verb)) throw unreadable(message);
  const row: MessageRow = hostMessages[verb];
  const values = row.forms.map((form) => readWords(form.words, words, slotCount)).find(Boolean);
  if (values === undefined || (payload !== undefined) !== row.payload) throw unreadable(message);
  return typed(verb, values, payload ?? new Uint8Array());
}

function typed(verb: HostVerb, values: WordValues, bytes: Uint8Array): HostMessage {
  const { slot = 0, pid = 0, number = 0, id = '', requestId, fixed } = values;
  switch (verb) {
    case 'ready':
      return { type: verb, facts: parseFacts(textOf(bytes)) };
    case 'failed':
      return { type: verb, reason: textOf(bytes).slice(0, longestReason) };
    case 'up':
    case 'flush':
    case 'memory':
      return { type: verb, slot, pid };
    case 'no-memory':
    case 'boot-failed':
      return { type: verb, slot, pid, reason: textOf(bytes).slice(0, longestReason) };
    case 'ended':
      return { type: verb, slot, pid, end: workerEnd(fixed, number) };
    case 'output':
      return { type: verb, slot, pid, stream: fixed[0] === 'stdout' ? 'stdout' : 'stderr', requestId, bytes };
    case 'log':
      return { type: verb, level: values.level ?? 'alert', text: textOf(bytes) };
    case 'status':
      return { type: verb, id, query: binaryOf(bytes) };
    case 'waiting':
      return values.slot === undefined ? { type: verb } : { type: verb, slot };
    case 'alive':
      return { type: verb, id };
    case 'renew':
      return { type: verb, reason: textOf(bytes).slice(0, longestReason) };
    case 'wanted':
    case 'stopped':
    case 'drained':
      return { type: verb };
    default:
      throw new Error(`no reader for the message "${String(verb satisfies never)}"`);
  }
}

function workerEnd(fixed: readonly string[], number: number): WorkerEnd {
  return fixed[0] === 'exit'
    ? { type: 'exit', code: number }
    : { type: 'signal', signal: number, core: fixed.includes('core') };
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

/** Facts are kept for the life of the host and displayed, so their size is limited. */
const factLimits = { value: 200, extensions: 1000, warnings: 100, warning: 1000 } as const;
/** Characters of a reason that are kept; the rest is cut. */
const longestReason = 4096;

/** Parses the lines `key=value` of `ready`. */
export function parseFacts(text: string): HostFacts {
  const values = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals <= 0) continue;
    const known = values.get(line.slice(0, equals));
    if (known === undefined) values.set(line.slice(0, equals), [line.slice(equals + 1)]);
    else known.push(line.slice(equals + 1));
  }
  const first = (key: string, limit: number = factLimits.value): string =>
    (values.get(key)?.[0] ?? '').slice(0, limit);
  const list = (key: string, most: number, limit: number): string[] =>
    (values.get(key) ?? []).slice(0, most).map((value) => value.slice(0, limit));
  return {
    engine: first('engine'),
    php: first('php'),
    sapi: first('sapi'),
    detail: first('detail', factLimits.warning),
    isExposed: first('expose_php') === '1',
    extensions: list('extension', factLimits.extensions, factLimits.value),
    warnings: list('warning', factLimits.warnings, factLimits.warning),
  };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

function unreadable(message: Message): ContractError {
  const line = message.words.join(' ').slice(0, 200);
  return new ContractError(
    `the host sent ${JSON.stringify(line)}, which is no message of contract version ${contractVersion}`,
  );
}
