/** A ServerConnection over an in-memory duplex pair, with the client's end in the test's hand. */
import { type Duplex, duplexPair } from 'node:stream';
import type { FastCgiError } from '../../src/fastcgi/errors.ts';
import type { Pair } from '../../src/fastcgi/pairs.ts';
import { RecordParser } from '../../src/fastcgi/parser.ts';
import { recordType } from '../../src/fastcgi/records.ts';
import { ServerConnection, type ServerLimits, type ServerRequest } from '../../src/fastcgi/server.ts';
import { beginRequest, paramsRecords, record } from '../../src/fastcgi/writer.ts';

export interface Received {
  readonly type: number;
  readonly id: number;
  readonly content: Buffer;
}

export class ConnectionHarness {
  readonly client: Duplex;
  readonly connection: ServerConnection;
  /** Names of the handler's calls, in order. */
  readonly calls: string[] = [];
  readonly errors: FastCgiError[] = [];
  readonly received: Received[] = [];
  readonly closed: Promise<void>;
  /** The client saw the server's end. */
  readonly ended: Promise<void>;
  readonly #parser = new RecordParser();
  #wakeUps: (() => void)[] = [];

  constructor(
    onRequest: (request: ServerRequest) => void,
    limits: Partial<ServerLimits> = {},
    listen = true,
  ) {
    const [client, server] = duplexPair();
    this.client = client;
    const closed = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    this.closed = closed.promise;
    this.ended = ended.promise;
    const call = (name: string): void => {
      this.calls.push(name);
    };
    this.connection = new ServerConnection(
      server,
      {
        onRequestStart: () => call('start'),
        onRequestAbandoned: () => call('abandoned'),
        onRequest: (request) => {
          call('request');
          onRequest(request);
        },
        onProtocolError: (error) => {
          call('error');
          this.errors.push(error);
        },
        onClose: () => {
          call('close');
          closed.resolve();
        },
      },
      limits,
    );
    client.on('end', () => ended.resolve());
    client.on('error', () => {});
    if (listen) client.on('data', (bytes: Uint8Array) => this.#onData(bytes));
  }

  send(...parts: Uint8Array[]): void {
    this.client.write(Buffer.concat(parts));
  }

  /** Resolves once the client has received that many records of the type. */
  async records(type: number, count = 1): Promise<Received[]> {
    for (;;) {
      const found = this.received.filter((each) => each.type === type);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => this.#wakeUps.push(resolve));
    }
  }

  async endRequest(count = 1): Promise<Buffer> {
    return (await this.records(recordType.endRequest, count)).at(-1)!.content;
  }

  text(type: number): string {
    return Buffer.concat(
      this.received.filter((each) => each.type === type).map((each) => each.content),
    ).toString();
  }

  #onData(bytes: Uint8Array): void {
    this.#parser.feed(bytes);
    for (let event = this.#parser.next(); event !== undefined; event = this.#parser.next()) {
      if (event.kind === 'error') throw event.error;
      if (event.kind === 'header') {
        this.received.push({ type: event.header.type, id: event.header.id, content: Buffer.alloc(0) });
      }
      if (event.kind === 'content') {
        const { type, id, content } = this.received.pop()!;
        this.received.push({ type, id, content: Buffer.concat([content, event.bytes]) });
      }
    }
    for (const wake of this.#wakeUps.splice(0)) wake();
  }
}

/** BEGIN_REQUEST and PARAMS. */
export function head(id: number, keepConnection: boolean, ...params: Pair[]): Buffer {
  return Buffer.concat([beginRequest(id, 1, keepConnection), ...paramsRecords(id, params)]);
}

export function stdin(id: number, text: string): Buffer {
  return record(recordType.stdin, id, Buffer.from(text, 'latin1'));
}
