/**
 * The two messages of every request as one string each: a string crosses to another thread at a fraction of the cost of
 * an object with parts and buffers. It starts with a line of JSON, followed by the bytes as characters.
 */

import type { FromThread, PhpRequest } from './protocol.ts';
import { Variables } from './variables.ts';

export type DoneMessage = Extract<FromThread, { type: 'done' }>;

type RequestLine = [
  id: number,
  contentLength: number,
  script: string,
  phpValue: string | null,
  phpAdminValue: string | null,
  lengths: readonly number[],
];

/** A request without its body. */
export function requestText(id: number, request: PhpRequest): string {
  const { params, script, contentLength, phpValue = null, phpAdminValue = null } = request;
  const line: RequestLine = [id, contentLength, script, phpValue, phpAdminValue, params.lengths];
  return `${JSON.stringify(line)}\n${params.text}`;
}

/** Parses the text of {@link requestText}. */
export function readRequest(text: string): { readonly id: number; readonly request: PhpRequest } {
  const end = text.indexOf('\n');
  const line = JSON.parse(text.slice(0, end)) as RequestLine;
  const [id, contentLength, script, phpValue, phpAdminValue, lengths] = line;
  const params = new Variables(text.slice(end + 1), lengths);
  return {
    id,
    request: {
      ...{ params, script, contentLength },
      ...(phpValue === null ? {} : { phpValue }),
      ...(phpAdminValue === null ? {} : { phpAdminValue }),
    },
  };
}

type DoneLine = [
  id: number,
  outcome: DoneMessage['outcome'],
  status: number,
  memoryPeak: number,
  heapBytes: number,
  cpuMicros: number,
  user: string,
  headLength: number,
];

/** `headLength` when the header block was sent earlier. */
const noHead = -1;

/** The end of a request, with the rest of its response. */
export function doneText(done: DoneMessage): string {
  const { id, outcome, status, memoryPeak, heapBytes, cpuMicros, user, head, rest } = done;
  const headLength = head?.length ?? noHead;
  const line: DoneLine = [id, outcome, status, memoryPeak, heapBytes, cpuMicros, user, headLength];
  return `${JSON.stringify(line)}\n${head ?? ''}${rest}`;
}

/** Parses the text of {@link doneText}. */
export function readDone(text: string): DoneMessage {
  const end = text.indexOf('\n') + 1;
  const line = JSON.parse(text.slice(0, end)) as DoneLine;
  const [id, outcome, status, memoryPeak, heapBytes, cpuMicros, user, headLength] = line;
  const rest = end + Math.max(0, headLength);
  return {
    ...{ type: 'done', id, outcome, status, memoryPeak, heapBytes, cpuMicros, user },
    ...(headLength === noHead ? {} : { head: text.slice(end, rest) }),
    rest: text.slice(rest),
  };
}
