/** Answers that the host gives without PHP, with the headers that PHP would have sent. */

import { iniFlag } from '../../script.ts';

const noCache =
  'Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n' +
  'Cache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n';

const reasons: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  404: 'Not Found',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** One complete answer: header block with its empty line, and body. */
export interface Page {
  readonly status: number;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
}

export class Pages {
  /** `X-Powered-By`, unless expose_php is off. */
  readonly #poweredBy: string;
  readonly #defaultType: string;
  readonly #charset: string;

  /** @param ini looks up an ini value of the pool. */
  constructor(phpVersion: string, ini: (name: string) => string | undefined) {
    this.#poweredBy = iniFlag(ini('expose_php'), true) ? `X-Powered-By: PHP/${phpVersion}\r\n` : '';
    this.#charset = ini('default_charset') ?? 'UTF-8';
    const type = ini('default_mimetype') ?? 'text/html';
    this.#defaultType = this.#charset === '' ? type : `${type}; charset=${this.#charset}`;
  }

  /** A page of PHP's default type, such as PHP-FPM's refusals. 200 has no Status line. */
  plain(status: number, body: string): Page {
    return this.#page(status, `Content-type: ${this.#defaultType}\r\n`, Buffer.from(body, 'latin1'));
  }

  /** Too many requests wait. @param seconds delay for the client's next attempt */
  busy(seconds: number): Page {
    return this.#page(
      503,
      `Retry-After: ${seconds}\r\nContent-type: text/plain; charset=UTF-8\r\n`,
      Buffer.from('Too many requests wait.\n'),
    );
  }

  ping(response: string): Page {
    const charset = this.#charset === '' ? '' : `;charset=${this.#charset}`;
    return this.#page(
      200,
      `Content-type: text/plain${charset}\r\n${noCache}`,
      Buffer.from(response, 'latin1'),
    );
  }

  /** PHP-FPM answers HEAD before it selects a format, hence PHP's default type. */
  statusHead(): Page {
    return this.#page(200, `${noCache}Content-type: ${this.#defaultType}\r\n`, Buffer.alloc(0));
  }

  /** @param reply of the master: header lines, an empty line, the body. */
  status(status: number, reply: Uint8Array): Page {
    const bytes = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength);
    const crlf = bytes.indexOf('\r\n\r\n');
    const [end, width] = crlf >= 0 ? [crlf, 4] : [bytes.indexOf('\n\n'), 2];
    const lines = end < 0 ? [] : bytes.toString('latin1', 0, end).split(/\r?\n/);
    const head = lines.filter((line) => line !== '').map((line) => `${line}\r\n`);
    return this.#page(status, head.join(''), end < 0 ? bytes : bytes.subarray(end + width));
  }

  #page(status: number, headers: string, body: Uint8Array): Page {
    const line = status === 200 ? '' : `Status: ${status} ${reasons[status] ?? ''}`.trimEnd();
    const head = `${line === '' ? '' : `${line}\r\n`}${this.#poweredBy}${headers}\r\n`;
    return { status, head: Buffer.from(head, 'latin1'), body };
  }
}
