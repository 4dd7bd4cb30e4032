/** Types of an endpoint's routes: method, question and answer. */

import type { AdminSource } from '../figures/admin-source.ts';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  /** In addition to the headers of every answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Question {
  readonly query: URLSearchParams;
  /** The Accept header. */
  readonly accept: string | undefined;
  /** The client, for the log. */
  readonly peer: string;
  /** It came over a Unix socket. */
  readonly isLocal: boolean;
  /** Aborted when the client leaves before the answer. */
  readonly gone: AbortSignal;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /**
   * It needs no token, because it reveals no secret. Probes have none, and a browser has none before it loads the page.
   */
  readonly isOpen?: true;
  /** A slow answer must not block others: it is awaited. */
  readonly answer: (source: AdminSource, question: Question) => Answer | Promise<Answer>;
}

export function json(status: number, value: object): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` };
}

/** The answer to a failed request. */
export function failure(status: number, text: string): Answer {
  return json(status, { error: text });
}

export function plain(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body };
}
