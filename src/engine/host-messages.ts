/**
 * Messages of a host as typed values. They come from a process with foreign code: each number is range-checked before
 * its use.
 */

import { binaryOf } from '../text/binary.ts';
import { ContractError, contractVersion, type Message, type WorkerEnd } from './contract.ts';
import { type HostVerb, hostMessages } from './message-table.ts';
import { type HostLogLevel, readMessage, type WordValues } from './message-words.ts';

export type HostMessage =
  | { readonly type: 'orphaned'; readonly isDraining: boolean }
  | { readonly type: 'kept'; readonly slot: number; readonly pid: number }
  | { readonly type: 'ready'; readonly facts: HostFacts }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'up'; readonly slot: number; readonly pid: number }
  /** Worker mode: the worker's application failed to boot. */
  | { readonly type: 'boot-failed'; readonly slot: number; readonly pid: number; readonly reason: string }
  /** Worker mode: asks for another generation in which the applications boot again. */
  | { readonly type: 'renew'; readonly reason: string }
  /** Worker mode: a request waits for a worker that runs scripts. */
  | { readonly type: 'wanted' }
  /** A signal has stopped the worker. */
  | { readonly type: 'halted'; readonly slot: number; readonly pid: number }
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

/**
 * Parses one message of a host.
 *
 * @param slotCount number of the pool's slots; slots from this number on are refused
 * @throws ContractError for a message that is not in docs/contract.md
 */
export function parseHostMessage(message: Message, slotCount: number): HostMessage {
  const read = readMessage(hostMessages, message, slotCount);
  if (read === undefined) throw unreadable(message);
  return typed(read.verb, read.values, read.payload);
}

function typed(verb: HostVerb, values: WordValues, bytes: Uint8Array): HostMessage {
  const { slot = 0, pid = 0, number = 0, id = '', requestId, fixed } = values;
  switch (verb) {
    case 'orphaned':
      return { type: verb, isDraining: fixed[0] === 'draining' };
    case 'ready':
      return { type: verb, facts: parseFacts(textOf(bytes)) };
    case 'failed':
      return { type: verb, reason: textOf(bytes).slice(0, longestReason) };
    case 'kept':
    case 'up':
    case 'halted':
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
