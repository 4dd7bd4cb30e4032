/** Input for the fuzzing of the FastCGI servers, both of them: random records, requests, and damaged ones of the corpus. */
import { record } from '../../src/fastcgi/writer.ts';
import type { CorpusCase } from './corpus.ts';
import { Random } from './random.ts';
import { type Application, applications } from './scripted-application.ts';

export interface FuzzInput {
  readonly application: Application;
  readonly input: Buffer;
  /** For what else is random in the case. */
  readonly random: Random;
}

/** Larger corpus files are mutated rarely: they cost a hundred small ones. */
const smallBytes = 8192;
const interestingBytes = [0x00, 0x01, 0x02, 0x04, 0x05, 0x08, 0x09, 0x7f, 0x80, 0xff];

/** The input of a seed. */
export function fuzzInput(seed: number, corpus: readonly CorpusCase[]): FuzzInput {
  const random = new Random(seed);
  const input = [randomRecords, randomRequest, mutated, mutated][random.below(4)]!(random, corpus);
  return { application: random.pick(applications), input, random };
}

/** Records of every kind, few of which fit together. */
function randomRecords(random: Random): Buffer {
  const records: Buffer[] = [];
  for (let left = 1 + random.below(12); left > 0; left--) {
    const type = random.below(10) === 0 ? random.below(256) : random.pick([1, 1, 2, 4, 4, 5, 5, 8, 9]);
    const id = random.below(8) === 0 ? random.below(3) : 1;
    records.push(record(type, id, randomContent(type, random)));
  }
  return Buffer.concat(records);
}

function randomContent(type: number, random: Random): Buffer {
  if (random.below(3) === 0) return Buffer.alloc(0);
  if (type === 1) return Buffer.from([0, 1 + random.below(4), random.below(2), 0, 0, 0, 0, 0]);
  if (type === 4 && random.below(2) === 0)
    return Buffer.from(`\x0e\x01CONTENT_LENGTH${random.below(10)}`, 'latin1');
  return Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)));
}

function mutated(random: Random, corpus: readonly CorpusCase[]): Buffer {
  const fitting = random.below(200) === 0 ? corpus : corpus.filter((row) => row.input.length <= smallBytes);
  let bytes: Buffer = Buffer.from(random.pick(fitting).input);
  for (let left = 1 + random.below(6); left > 0 && bytes.length > 0; left--) {
    bytes = mutate(bytes, random, fitting);
  }
  return bytes;
}

function mutate(bytes: Buffer, random: Random, corpus: readonly CorpusCase[]): Buffer {
  const at = random.below(bytes.length);
  const end = Math.min(bytes.length, at + 1 + random.below(16));
  switch (random.below(7)) {
    case 0:
      bytes[at] = random.below(256);
      return bytes;
    case 1:
      bytes[at] = random.pick(interestingBytes);
      return bytes;
    case 2:
      bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 5:
      return bytes.subarray(0, at);
    case 6:
      return Buffer.concat([bytes.subarray(0, at - (at % 8)), random.pick(corpus).input]);
    default:
      throw new Error('Cannot mutate: unknown mutation');
  }
}

/** A request, now and then with something wrong in it, and sometimes another behind it. */
function randomRequest(random: Random, corpus: readonly CorpusCase[]): Buffer {
  const id = 1 + random.below(3);
  const body = Buffer.alloc(random.below(300), 0x62);
  const promised = random.below(6) === 0 ? random.below(400) : body.length;
  const pairs = Buffer.concat([
    ...Array.from({ length: random.below(4) }, () => randomPair(random)),
    pair(Buffer.from('CONTENT_LENGTH'), Buffer.from(String(promised)), random),
    ...Array.from({ length: random.below(3) }, () => randomPair(random)),
  ]);
  const begin = Buffer.from([0, 1 + random.below(3), random.below(2), 0, 0, 0, 0, 0]);
  const records = [
    record(1, id, begin),
    ...pieces(4, id, pairs, random),
    record(4, id, Buffer.alloc(0)),
    ...pieces(5, id, body, random),
    record(5, id, Buffer.alloc(0)),
  ];
  if (random.below(8) === 0) records.splice(random.below(records.length), 1);
  let bytes: Buffer = Buffer.concat(records);
  if (random.below(4) === 0) bytes = mutate(bytes, random, corpus);
  return random.below(3) === 0 ? Buffer.concat([bytes, randomRequest(random, corpus)]) : bytes;
}

/** A stream as records, each with some padding. */
function pieces(type: number, id: number, content: Buffer, random: Random): Buffer[] {
  return [...random.cut(content, random.pick([7, 100, 60_000]))].map((piece) => {
    const bytes = Buffer.concat([record(type, id, Buffer.from(piece)), Buffer.alloc(random.below(3))]);
    bytes.writeUInt16BE(piece.length, 4);
    bytes[6] = bytes.length - 8 - piece.length;
    return bytes;
  });
}

/** Lengths at which the form of a length, or a limit, changes. */
const lengths = [0, 1, 2, 126, 127, 128, 129, 255, 256, 4095, 4096];

function randomPair(random: Random): Buffer {
  if (random.below(40) === 0) {
    // Announces what does not come, up to the largest length that there is.
    const much = random.pick([0x80_00_00_05, 0x80_04_00_00, 0x80_03_ff_f0, 0xff_ff_ff_ff, 0xff_ff_ff_f6]);
    const bytes = Buffer.alloc(9, 0x61);
    bytes.writeUInt32BE(much, random.below(2));
    return bytes;
  }
  const bytes = (): Buffer => Buffer.alloc(random.pick(lengths), random.below(256));
  return pair(bytes(), bytes(), random);
}

function pair(name: Buffer, value: Buffer, random: Random): Buffer {
  return Buffer.concat([
    encodedLength(name.length, random),
    encodedLength(value.length, random),
    name,
    value,
  ]);
}

/** Four bytes also where one would do. */
function encodedLength(length: number, random: Random): Buffer {
  if (length < 128 && random.below(3) > 0) return Buffer.from([length]);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE((length | 0x80_00_00_00) >>> 0);
  return bytes;
}
