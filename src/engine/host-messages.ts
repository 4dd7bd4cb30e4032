/**
 * What a host says to the master, as typed values. Everything here comes from a process that runs foreign code:
 * each number is checked against its range before it is used.
 */

import type { WorkerEnd } from '../pool/reap.ts';
import { ContractError, type Message } from './contract.ts';
import { isRequestId } from './request-id.ts';

export const hostLogLevels = ['debug', 'notice', 'warning', 'error', 'alert'] as const;
export type HostLogLevel = (typeof hostLogLevels)[number];

export type HostMessage =
  | { readonly type: 'ready'; readonly facts: HostFacts }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'up'; readonly slot: number; readonly pid: number }
  | { readonly type: 'ended'; readonly slot: number; readonly pid: number; readonly end: WorkerEnd }
  | {
      readonly type: 'output';
      readonly slot: number;
      readonly pid: number;
      readonly stream: 'stdout' | 'stderr';
      /** Undefined where it is not known which request wrote them. */
      readonly requestId: string | undefined;
      readonly bytes: Uint8Array;
    }
  | { readonly type: 'flush'; readonly slot: number; readonly pid: number }
  /** The next message on the descriptor channel is the worker's memory, open for reading. */
  | { readonly type: 'memory'; readonly slot: number; readonly pid: number }
  | { readonly type: 'no-memory'; readonly slot: number; readonly pid: number; readonly reason: string }
  | { readonly type: 'log'; readonly level: HostLogLevel; readonly text: string }
  /** With the slot of a worker that the host makes by itself, as `watch` allowed it. */
  | { readonly type: 'waiting'; readonly slot?: number }
  | { readonly type: 'status'; readonly id: string; readonly query: string }
  /** Since `drain` no worker accepts any more. */
  | { readonly type: 'stopped' }
  | { readonly type: 'drained' };

/** What `ready` tells about the engine. */
export interface HostFacts {
  readonly engine: string;
  readonly php: string;
  readonly sapi: string;
  readonly detail: string;
  readonly extensions: readonly string[];
  readonly warnings: readonly string[];
}

const arity: Record<HostMessage['type'], { words: number; payload: boolean }> = {
  ready: { words: 1, payload: true },
  failed: { words: 1, payload: true },
  up: { words: 3, payload: false },
  ended: { words: 5, payload: false },
  output: { words: 4, payload: true },
  flush: { words: 3, payload: false },
  memory: { words: 3, payload: false },
  'no-memory': { words: 3, payload: true },
  log: { words: 2, payload: true },
  waiting: { words: 1, payload: false },
  status: { words: 2, payload: true },
  stopped: { words: 1, payload: false },
  drained: { words: 1, payload: false },
};

function isHostVerb(word: string): word is HostMessage['type'] {
  return Object.hasOwn(arity, word);
}

/**
 * Reads one message of a host.
 *
 * @param slotCount how many slots the host's pool has; a slot at or over it is refused
 * @throws ContractError when the message is not one of docs/contract.md
 */
export function parseHostMessage(message: Message, slotCount: number): HostMessage {
  const { words, payload } = message;
  const verb = words[0] ?? '';
  if (!isHostVerb(verb)) throw unreadable(message);
  const shape = arity[verb];
  if (words.length !== shape.words + extraWords(words) || (payload !== undefined) !== shape.payload)
    throw unreadable(message);
  const bytes = payload ?? new Uint8Array();
  switch (verb) {
    case 'ready':
      return { type: verb, facts: parseFacts(textOf(bytes)) };
    case 'failed':
      return { type: verb, reason: textOf(bytes) };
    case 'up':
    case 'flush':
    case 'memory':
      return { type: verb, ...slotAndPid(message, slotCount) };
    case 'no-memory':
      return { type: verb, ...slotAndPid(message, slotCount), reason: textOf(bytes) };
    case 'ended':
      return { type: verb, ...slotAndPid(message, slotCount), end: parseEnd(message) };
    case 'output': {
      const stream = words[3];
      const requestId = words[4];
      if (stream !== 'stdout' && stream !== 'stderr') throw unreadable(message);
      if (requestId !== undefined && !isRequestId(requestId)) throw unreadable(message);
      return { type: verb, ...slotAndPid(message, slotCount), stream, requestId, bytes };
    }
    case 'log': {
      const level = hostLogLevels.find((known) => known === words[1]);
      if (level === undefined) throw unreadable(message);
      return { type: verb, level, text: textOf(bytes) };
    }
    case 'status':
      return { type: verb, id: words[1] ?? '', query: Buffer.from(bytes).toString('latin1') };
    case 'waiting':
      return words[1] === undefined
        ? { type: verb }
        : { type: verb, slot: numberBelow(message, 1, slotCount) };
    case 'stopped':
    case 'drained':
      return { type: verb };
    default:
      throw new Error(`no reader for the message "${String(verb satisfies never)}"`);
  }
}

/** Words that a message may have beside those that it must have. */
function extraWords([verb, first, , third, fourth, fifth]: readonly string[]): number {
  if (verb === 'waiting') return first === undefined ? 0 : 1;
  if (verb === 'ended') return third === 'signal' && fifth === 'core' ? 1 : 0;
  return verb === 'output' && fourth !== undefined ? 1 : 0;
}

function slotAndPid(message: Message, slotCount: number): { slot: number; pid: number } {
  return {
    slot: numberBelow(message, 1, slotCount),
    pid: numberBelow(message, 2, 2 ** 31),
  };
}

function parseEnd(message: Message): WorkerEnd {
  const how = message.words[3];
  if (how === 'exit') return { type: 'exit', code: numberBelow(message, 4, 256) };
  if (how !== 'signal') throw unreadable(message);
  return { type: 'signal', signal: numberBelow(message, 4, 128), core: message.words[5] === 'core' };
}

function numberBelow(message: Message, index: number, limit: number): number {
  const word = message.words[index] ?? '';
  const value = Number(word);
  if (!/^\d{1,10}$/.test(word) || value >= limit) throw unreadable(message);
  return value;
}

function parseFacts(text: string): HostFacts {
  const values = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals <= 0) continue;
    const key = line.slice(0, equals);
    values.set(key, [...(values.get(key) ?? []), line.slice(equals + 1)]);
  }
  const first = (key: string): string => values.get(key)?.[0] ?? '';
  return {
    engine: first('engine'),
    php: first('php'),
    sapi: first('sapi'),
    detail: first('detail'),
    extensions: values.get('extension') ?? [],
    warnings: values.get('warning') ?? [],
  };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

function unreadable(message: Message): ContractError {
  const line = message.words.join(' ').slice(0, 200);
  return new ContractError(
    `the host sent ${JSON.stringify(line)}, which is no message of contract version 1`,
  );
}
