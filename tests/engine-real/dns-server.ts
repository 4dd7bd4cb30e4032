/** A name server for tests, on port 53 of a loopback address of its own, that knows what it is told. */
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server as TcpServer } from 'node:net';
import { TestFolder } from '../harness/folder.ts';

/** A record's type and data; `ttl` in seconds. */
export interface ZoneRecord {
  readonly type: number;
  readonly data: Buffer;
  readonly ttl?: number;
}

/** Records of a name: answers, and additional ones. */
export interface ZoneEntry {
  readonly records: readonly ZoneRecord[];
  readonly authorities?: readonly (ZoneRecord & { readonly name: string })[];
  readonly additional?: readonly (ZoneRecord & { readonly name: string })[];
  /** Over UDP only that there is too much. */
  readonly isLarge?: boolean;
  /** Answered with this code instead. */
  readonly code?: number;
}

export type Zone = Readonly<Record<string, ZoneEntry>>;

const anyType = 255;
const nameError = 3;

export function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.');
  return Buffer.concat([
    ...labels.map((label) => Buffer.from(String.fromCharCode(label.length) + label)),
    Buffer.alloc(1),
  ]);
}

export function encodeTexts(...texts: readonly string[]): Buffer {
  return Buffer.concat(texts.map((text) => Buffer.from(String.fromCharCode(text.length) + text, 'latin1')));
}

/** 16-bit numbers. */
export function encodeShorts(...values: readonly number[]): Buffer {
  return Buffer.from(values.flatMap((value) => [value >> 8, value & 255]));
}

function encodeRecord(name: Buffer, { type, data, ttl = 300 }: ZoneRecord): Buffer {
  const ttlBytes = Buffer.alloc(4);
  ttlBytes.writeUInt32BE(ttl);
  return Buffer.concat([name, encodeShorts(type, 1), ttlBytes, encodeShorts(data.length), data]);
}

export class DnsServer implements AsyncDisposable {
  readonly #zone: Zone;
  readonly #folder = new TestFolder('hathi-dns-');
  readonly #udp: Socket = createSocket('udp4');
  readonly #tcp: TcpServer;

  private constructor(zone: Zone) {
    this.#zone = zone;
    this.#udp.on('message', (question, { port, address }) =>
      this.#udp.send(this.#answer(question, true), port, address),
    );
    this.#tcp = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (data) => {
        const answer = this.#answer(data.subarray(2), false);
        socket.end(Buffer.concat([encodeShorts(answer.length), answer]));
      });
    });
  }

  /** @param address on loopback; port 53 of it has to be free */
  static async start(address: string, zone: Zone): Promise<DnsServer> {
    const server = new DnsServer(zone);
    await new Promise<void>((resolve, reject) => {
      server.#udp.once('error', reject);
      server.#udp.bind(53, address, resolve);
    });
    await new Promise<void>((resolve) => server.#tcp.listen(53, address, resolve));
    server.#folder.write(
      'resolv.conf',
      `search zone.test\nnameserver ${address}\noptions timeout:1 attempts:1\n`,
    );
    return server;
  }

  /** Command prefix for a program that uses this server: in a mount namespace with a resolv.conf of its own. */
  get through(): readonly string[] {
    const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    return ['/usr/bin/unshare', '--mount', '/bin/sh', '-c', script, this.#folder.join('resolv.conf')];
  }

  #answer(question: Buffer, isUdp: boolean): Buffer {
    const labels: string[] = [];
    let at = 12;
    for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
      labels.push(question.toString('latin1', at + 1, at + 1 + length));
      at += length + 1;
    }
    const type = question.readUInt16BE(at + 1);
    const entry = this.#zone[labels.join('.').toLowerCase()];
    const isCut = isUdp && entry?.isLarge === true;
    // A pointer to the name in the question.
    const pointer = Buffer.from([0xc0, 12]);
    const answers = (entry?.records ?? [])
      .filter((record) => !isCut && (type === anyType || record.type === type || record.type === 5))
      .map((record) => encodeRecord(pointer, record));
    const others = [entry?.authorities ?? [], entry?.additional ?? []].map((records) =>
      (isCut ? [] : records).map((record) => encodeRecord(encodeName(record.name), record)),
    );
    const code = entry === undefined ? nameError : (entry.code ?? 0);
    const flags = 0x8180 | code | (isCut ? 0x200 : 0);
    const counts = [1, answers.length, ...others.map(({ length }) => length)];
    return Buffer.concat([
      question.subarray(0, 2),
      encodeShorts(flags, ...counts),
      question.subarray(12, at + 5),
      ...answers,
      ...others.flat(),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#udp.close(() => resolve()));
    await new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
    this.#folder[Symbol.dispose]();
  }
}
