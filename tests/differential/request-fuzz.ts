/** Sends requests as raw records, and tells all that comes back. */
import { connect } from 'node:net';
import type { RandomRequest } from './request-grammar.ts';

/** The client's view. */
export interface Answer {
  readonly stdout: string;
  readonly stderr: string;
  /** Protocol status and application status; undefined without END_REQUEST. */
  readonly end: string | undefined;
}

const types = { begin: 1, end: 3, params: 4, stdin: 5, stdout: 6, stderr: 7 } as const;

function record(type: number, content: Buffer, padding: number): Buffer {
  const header = Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 255, padding, 0]);
  return Buffer.concat([header, content, Buffer.alloc(padding)]);
}

function sizeOf(bytes: Buffer): Buffer {
  if (bytes.length < 128) return Buffer.from([bytes.length]);
  const long = Buffer.alloc(4);
  long.writeUInt32BE((bytes.length | 0x80000000) >>> 0);
  return long;
}

/** The request's bytes; a padding that would not fit its record is left out. */
export function encode(given: RandomRequest): Buffer {
  const pairs = given.params.map(([name, value]) => {
    const [key, text] = [Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1')];
    return Buffer.concat([sizeOf(key), sizeOf(text), key, text]);
  });
  const records = [record(types.begin, Buffer.from([0, given.role, given.flags, 0, 0, 0, 0, 0]), 0)];
  // Whole pairs to a record: php-fpm takes no other.
  for (const pair of pairs) records.push(record(types.params, pair, given.padding));
  // Without padding: php-fpm takes that for the next record.
  records.push(record(types.params, Buffer.alloc(0), 0));
  const body = Buffer.from(given.body, 'latin1');
  for (let at = 0; at < body.length; at += given.piece) {
    const piece = body.subarray(at, at + given.piece);
    records.push(record(types.stdin, piece, piece.length + given.padding > 65_535 ? 0 : given.padding));
  }
  records.push(record(types.stdin, Buffer.alloc(0), 0));
  return Buffer.concat(records);
}

/** Sends it on a connection of its own and waits for the end of the request or of the connection. */
export function send(path: string, bytes: Buffer): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let rest: Buffer = Buffer.alloc(0);
    const streams: Record<number, string> = {};
    const finish = (end: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ stdout: streams[types.stdout] ?? '', stderr: streams[types.stderr] ?? '', end });
    };
    const timer = setTimeout(() => finish('time is up'), 4000);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 8) {
        const size = rest.readUInt16BE(4);
        const total = 8 + size + (rest[6] ?? 0);
        if (rest.length < total) return;
        const type = rest[1] ?? 0;
        const content = rest.subarray(8, 8 + size);
        rest = rest.subarray(total);
        if (type === types.end) return finish(`${content.readUInt32BE(0)} ${content[4]}`);
        streams[type] = (streams[type] ?? '') + content.toString('latin1');
      }
    });
    socket.on('close', () => finish(undefined));
    socket.on('error', () => {});
    socket.write(bytes);
  });
}
