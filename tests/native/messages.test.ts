/** Messages between master, host and worker, from a peer that is broken or hostile, to the C that reads them. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { ContractError, encodeMessage, type Message, MessageDecoder } from '../../src/engine/contract.ts';
import { parseHostMessage } from '../../src/engine/host-messages.ts';
import { freshSeed, Random } from '../fastcgi/random.ts';
import { TestFolder } from '../harness/folder.ts';
import { buildTarget, playCases, targetSkip } from './fuzz-target.ts';

const fresh = freshSeed();

const seeds = (count: number): number[] => {
  return Array.from({ length: count }, (_, index) => (index < count / 2 ? index : fresh + index));
};

const randomBytes = (random: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => random.below(256)));

/** Messages of the master, often damaged. */
function masterSays(random: Random): Buffer {
  const words = ['worker', '0', 'end', 'quit', 'setting', 'status-reply', '1.2.3', 'x'.repeat(500), '\xff'];
  const messages = Array.from({ length: 1 + random.below(6) }, () => {
    const chosen = Array.from({ length: 1 + random.below(random.below(5) === 0 ? 11 : 4) }, () =>
      random.pick(words),
    );
    const payload = random.below(2) === 0 ? undefined : randomBytes(random, random.below(200));
    return random.below(30) === 0
      ? Buffer.alloc(4090 + random.below(12), 0x61)
      : encodeMessage(chosen, payload);
  });
  const bytes = Buffer.concat(messages);
  for (let damage = random.below(3); damage > 0; damage--) {
    bytes[random.below(bytes.length)] = random.pick([0x20, 0x0a, 0x23, 0x00, 0x30, 0x39, 0x41]);
  }
  return bytes;
}

/** Messages up to the first that is none, in the words of fuzz-channel.c. The host is stricter in three things. */
function expectedMessages(bytes: Buffer): string[] {
  const lines: string[] = [];
  const decoder = new MessageDecoder();
  const hex = (text: Uint8Array | string): string => Buffer.from(text as string, 'latin1').toString('hex');
  const take = ({ words, payload }: Message): boolean => {
    const announced = words.length + (payload === undefined ? 0 : 1);
    if (announced > 8 || words.length === 0 || words.some((word) => word.includes('\0'))) return false;
    const end = payload === undefined ? '' : ` #${Buffer.from(payload).toString('hex')}`;
    lines.push(`message ${words.map(hex).join(' ')}${end}`);
    return true;
  };
  try {
    // Byte by byte, but for the large ones: what comes before the first that is none counts.
    const step = bytes.length > 20_000 ? bytes.length : 1;
    for (let at = 0; at < bytes.length; at += step) {
      if (!decoder.push(bytes.subarray(at, at + step)).every(take)) return [...lines, 'bad'];
    }
    return lines;
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    return [...lines, 'bad'];
  }
}

/** Acts of a worker, as fuzz-relay.c reads them. */
function workerActs(random: Random): Buffer {
  const acts = Array.from({ length: 1 + random.below(12) }, () => {
    const act = random.below(4);
    const head = Buffer.of(act + 4 * random.below(8));
    const content = randomBytes(random, random.below(random.below(6) === 0 ? 2200 : 90));
    const length = Buffer.alloc(2);
    length.writeUInt16BE(content.length);
    if (act === 1) {
      const lie = random.below(5) === 0 ? 255 : 0;
      const message = [random.below(10), 0, 0, 0, random.below(4), random.below(7), lie];
      return Buffer.concat([head, Buffer.from(message), length, content]);
    }
    const at = Buffer.alloc(2);
    at.writeUInt16BE(random.below(4096));
    return Buffer.concat(act === 3 ? [head, at, length, content] : [head, length, content]);
  });
  return Buffer.concat(acts);
}

suite('messages of a broken or hostile peer', { skip: targetSkip }, () => {
  let folder: TestFolder;
  before(() => {
    folder = new TestFolder();
  });
  after(() => folder[Symbol.dispose]());

  test('the master’s: the host reads what the TypeScript decoder reads, and ends at what is none', (t) => {
    t.diagnostic(`seed ${fresh}`);
    const cases = seeds(400).map((seed) => {
      const random = new Random(seed);
      return { input: masterSays(random), cut: random.pick([0, 1, 9, 65_536 + random.below(2 ** 30)]) };
    });
    const large = encodeMessage(['setting', 'large'], Buffer.alloc(1024 * 1024, 0x62));
    cases.push({ input: Buffer.concat([large, encodeMessage(['start'])]), cut: 0 });
    cases.push({ input: Buffer.from('setting a #1048577\n'), cut: 0 });
    cases.push({ input: Buffer.alloc(300_000, 0x61), cut: 0 });
    const played = playCases(buildTarget('channel', folder.path), cases);
    for (const [index, { input, cut }] of cases.entries()) {
      const what = `cut ${cut}: ${input.toString('hex').slice(0, 2000)}`;
      assert.deepEqual(played[index], expectedMessages(input), what);
    }
  });

  test('a worker’s: the host tells the master nothing but messages, and keeps no descriptor of it', (t) => {
    t.diagnostic(`seed ${fresh}`);
    const cases = seeds(400).map((seed) => ({ input: workerActs(new Random(seed)) }));
    const played = playCases(buildTarget('relay', folder.path), cases);
    let messages = 0;
    for (const lines of played) {
      const said = Buffer.from(lines[0]!.slice('said '.length), 'hex');
      for (const message of new MessageDecoder().push(said)) {
        assert.match(parseHostMessage(message, 2).type, /^(up|output|flush|memory|no-memory|log|status)$/);
        messages++;
      }
    }
    assert.ok(messages > 400, `${messages} messages`);

    const alone = playCases(
      buildTarget('relay', folder.path),
      cases.map((one) => ({ ...one, variant: 1 })),
    );
    const pages = alone.reduce((sum, lines) => sum + Number(/^pages (\d+)$/.exec(lines[1] ?? '')?.[1]), 0);
    assert.ok(pages > 5, `${pages} pages`);
  });
});
