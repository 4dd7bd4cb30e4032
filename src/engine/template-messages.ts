/** Messages of a template as typed values (docs/contract.md, "Templates"). */

import { ContractError, type Message } from './contract.ts';
import { type HostFacts, parseFacts } from './host-messages.ts';

/** How a process ended, reported by its parent. */
export type ProcessEnd =
  | { readonly type: 'exit'; readonly code: number }
  | { readonly type: 'signal'; readonly signal: number };

export type TemplateMessage =
  | { readonly type: 'ready'; readonly facts: HostFacts }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'host'; readonly id: string; readonly pid: number }
  | { readonly type: 'no-host'; readonly id: string; readonly reason: string }
  /** Answer to the question of that id. */
  | { readonly type: 'alive'; readonly id: string }
  | { readonly type: 'gone'; readonly pid: number; readonly end: ProcessEnd };

/** @throws ContractError for a message that is not in docs/contract.md */
export function parseTemplateMessage(message: Message): TemplateMessage {
  const { words, payload } = message;
  const [verb = '', first = '', second = '', third = ''] = words;
  const text = payload === undefined ? undefined : Buffer.from(payload).toString('utf8');
  const shape = `${verb} ${words.length}${text === undefined ? '' : ' #'}`;
  switch (shape) {
    case 'ready 1 #':
      return { type: 'ready', facts: parseFacts(text ?? '') };
    case 'failed 1 #':
      return { type: 'failed', reason: text ?? '' };
    case 'host 3':
      return { type: 'host', id: first, pid: numberOf(message, second, 2 ** 31) };
    case 'no-host 2 #':
      return { type: 'no-host', id: first, reason: text ?? '' };
    case 'alive 2':
      return { type: 'alive', id: first };
    case 'gone 4':
      return { type: 'gone', pid: numberOf(message, first, 2 ** 31), end: endOf(message, second, third) };
    default:
      throw unreadable(message);
  }
}

function endOf(message: Message, how: string, value: string): ProcessEnd {
  if (how === 'exit') return { type: 'exit', code: numberOf(message, value, 256) };
  if (how === 'signal') return { type: 'signal', signal: numberOf(message, value, 128) };
  throw unreadable(message);
}

function numberOf(message: Message, word: string, limit: number): number {
  const value = Number(word);
  if (!/^\d{1,10}$/.test(word) || value >= limit) throw unreadable(message);
  return value;
}

function unreadable({ words }: Message): ContractError {
  const line = JSON.stringify(words.join(' ').slice(0, 200));
  return new ContractError(`the template sent ${line}, which is no message of the contract`);
}
