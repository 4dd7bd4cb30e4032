/** DNS messages (RFC 1035): a question as bytes, the records of an answer. Pure. Names and texts are bytes (latin1). */

/** Record types known to PHP, by number. https://www.iana.org/assignments/dns-parameters */
export const recordTypes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  A6: 38,
  ANY: 255,
  CAA: 257,
} as const;

/** Answer codes. */
export const answerCodes = {
  none: 0,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

export interface DnsRecord {
  readonly name: string;
  readonly type: number;
  readonly ttl: number;
  readonly data: Buffer;
  /** Offset of the data in the message; names in it may point into the message. */
  readonly at: number;
  readonly message: Buffer;
}

export interface DnsAnswer {
  readonly code: number;
  readonly isTruncated: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
}

/** The message is truncated or contains a pointer loop. */
export class DnsFormatError extends Error {}

const headerBytes = 12;
const internet = 1;
const recursionDesired = 0x0100;
const responseFlag = 0x8000;
const truncatedFlag = 0x0200;
const codeMask = 0xf;
const labelMax = 63;
const nameMax = 255;
/** The two highest bits of a length mark a pointer. */
const pointerBits = 0xc0;

/** @returns undefined for an invalid name */
export function encodeQuestion(id: number, name: string, type: number): Buffer | undefined {
  const labels = name.replace(/\.$/, '').split('.');
  const isRoot = name === '' || name === '.';
  const tooLong = name.length > nameMax || labels.some((label) => label === '' || label.length > labelMax);
  if (tooLong && !isRoot) return undefined;
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(recursionDesired, 2);
  header.writeUInt16BE(1, 4);
  const parts = isRoot
    ? []
    : labels.map((label) => Buffer.from(String.fromCharCode(label.length) + label, 'latin1'));
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(type, 1);
  tail.writeUInt16BE(internet, 3);
  return Buffer.concat([header, ...parts, tail]);
}

/** Whether a message answers a question: same id, same question. */
export function answers(message: Buffer, question: Buffer): boolean {
  const end = question.length;
  if (message.length < end || message.readUInt16BE(0) !== question.readUInt16BE(0)) return false;
  const text = (bytes: Buffer): string => bytes.toString('latin1', headerBytes, end).toLowerCase();
  return (message.readUInt16BE(2) & responseFlag) !== 0 && text(message) === text(question);
}

/** @throws DnsFormatError */
export function parseAnswer(message: Buffer): DnsAnswer {
  const reader = new DnsReader(message, headerBytes);
  const flags = message.readUInt16BE(2);
  const [questions = 0, ...counts] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  for (let index = 0; index < questions; index += 1) {
    reader.name();
    reader.bytes(4);
  }
  const [first = [], second = [], third = []] = counts.map((count) =>
    Array.from({ length: count }, () => reader.record()),
  );
  return {
    code: flags & codeMask,
    isTruncated: (flags & truncatedFlag) !== 0,
    answers: first,
    authorities: second,
    additional: third,
  };
}

/** Reads values in sequence. Every method throws a DnsFormatError at the end of the message. */
export class DnsReader {
  readonly #message: Buffer;
  #at: number;

  constructor(message: Buffer, at: number) {
    this.#message = message;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  bytes(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#message.length) throw new DnsFormatError('the message ends too early');
    const found = this.#message.subarray(this.#at, end);
    this.#at = end;
    return found;
  }

  byte(): number {
    return this.bytes(1).readUInt8();
  }

  short(): number {
    return this.bytes(2).readUInt16BE();
  }

  long(): number {
    return this.bytes(4).readUInt32BE();
  }

  /** A length byte, then that many bytes. */
  text(): string {
    return this.bytes(this.byte()).toString('latin1');
  }

  name(): string {
    const labels: string[] = [];
    let reader: DnsReader = this;
    // Pointers must lead backwards, so the loop ends.
    let limit = this.#at;
    for (;;) {
      const length = reader.byte();
      if (length === 0) return labels.join('.');
      if ((length & pointerBits) === pointerBits) {
        const target = ((length & ~pointerBits) << 8) | reader.byte();
        if (target >= limit) throw new DnsFormatError('a name points behind itself');
        limit = target;
        reader = new DnsReader(this.#message, target);
      } else if (length > labelMax) throw new DnsFormatError('a label is too long');
      else labels.push(reader.bytes(length).toString('latin1').replace(/[.\\]/g, '\\$&'));
    }
  }

  record(): DnsRecord {
    const name = this.name();
    const type = this.short();
    this.short();
    const ttl = this.long();
    const length = this.short();
    const at = this.#at;
    return { name, type, ttl, data: this.bytes(length), at, message: this.#message };
  }
}
