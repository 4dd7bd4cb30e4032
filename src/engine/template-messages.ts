/** Messages of a template as typed values (docs/contract.md, "Templates"). */

import { ContractError, type Message } from './contract.ts';
import { type HostFacts, parseFacts } from './host-messages.ts';
import { templateMessages } from './message-table.ts';
import { readMessage } from './message-words.ts';

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
  const read = readMessage(templateMessages, message, 0);
  if (read === undefined) throw unreadable(message);
  const { verb, values } = read;
  const { id = '', pid = 0, number = 0, fixed } = values;
  const text = Buffer.from(read.payload).toString('utf8');
  switch (verb) {
    case 'ready':
      return { type: verb, facts: parseFacts(text) };
    case 'failed':
      return { type: verb, reason: text };
    case 'host':
      return { type: verb, id, pid };
    case 'no-host':
      return { type: verb, id, reason: text };
    case 'alive':
      return { type: verb, id };
    case 'gone':
      return {
        type: verb,
        pid,
        end: fixed[0] === 'exit' ? { type: 'exit', code: number } : { type: 'signal', signal: number },
      };
    default:
      throw new Error(`no reader for the message "${String(verb satisfies never)}"`);
  }
}

function unreadable({ words }: Message): ContractError {
  const line = JSON.stringify(words.join(' ').slice(0, 200));
  return new ContractError(`the template sent ${line}, which is no message of the contract`);
}
