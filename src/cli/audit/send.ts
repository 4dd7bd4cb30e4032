/** Sends a request of an audit and keeps its answer. */

import { createHash } from 'node:crypto';
import { type Answer, bodyMost, type NoAnswer, type Outcome } from '../../audit/answer.ts';
import { type CgiHead, CgiResponseParser } from '../../fastcgi/cgi-response.ts';
import { requestFastCgi } from '../../fastcgi/client.ts';
import { FastCgiError } from '../../fastcgi/errors.ts';
import type { Pair } from '../../fastcgi/pairs.ts';

export interface Sent {
  /** Path of the pool's socket. */
  readonly socket: string;
  readonly params: readonly Pair[];
  readonly body: Uint8Array | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export async function send({ socket, params, body, timeout, signal }: Sent): Promise<Outcome> {
  const collector = new AnswerCollector();
  const late = AbortSignal.timeout(timeout);
  try {
    await requestFastCgi({
      connect: { path: socket },
      params,
      body,
      onStdout: (chunk) => collector.take(chunk),
      signal: AbortSignal.any([late, signal]),
    });
    return collector.finish();
  } catch (error) {
    if (!(error instanceof FastCgiError)) throw error;
    return failure(error, late.aborted, timeout);
  }
}

function failure(error: FastCgiError, isLate: boolean, timeout: number): NoAnswer {
  if (isLate) return { reason: 'timeout', message: `no answer within ${timeout / 1000} s` };
  return { reason: 'lost', message: error.message };
}

class AnswerCollector {
  readonly #parser = new CgiResponseParser();
  readonly #hash = createHash('sha256');
  readonly #pieces: Uint8Array[] = [];
  #kept = 0;
  #length = 0;
  #head: CgiHead | undefined;

  take(chunk: Uint8Array): void {
    const { head, body } = this.#parser.push(chunk);
    this.#head ??= head;
    if (body.length === 0) return;
    this.#length += body.length;
    this.#hash.update(body);
    const room = bodyMost - this.#kept;
    if (room <= 0) return;
    // The chunk's memory is used again.
    const piece = Uint8Array.prototype.slice.call(body, 0, room);
    this.#pieces.push(piece);
    this.#kept += piece.length;
  }

  finish(): Answer {
    this.#parser.finish();
    return {
      status: this.#head?.status ?? 200,
      headers: this.#head?.headers ?? [],
      body: Buffer.concat(this.#pieces).toString('latin1'),
      length: this.#length,
      hash: this.#hash.digest('hex'),
    };
  }
}
