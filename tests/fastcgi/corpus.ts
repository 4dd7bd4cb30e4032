/**
 * Reads the corpus: `NAME.hex` holds what a client sends, `NAME.json` what has to come of it.
 *
 * In a .hex file `#` begins a comment, a word is bytes in hex, `XX*N` is a byte N times. In a .json file
 * `{"repeat": "x", "times": 3}` stands for `"xxx"`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Application } from './scripted-application.ts';

export interface CorpusCase {
  readonly name: string;
  readonly input: Buffer;
  readonly about: string;
  readonly application: Application;
  readonly inputEnds: boolean;
  readonly events: readonly unknown[];
  readonly final: string;
}

const folder = new URL('./corpus/', import.meta.url);

export function loadCorpus(): CorpusCase[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.hex'))
    .sort()
    .map((file) => loadCase(file.slice(0, -'.hex'.length)));
}

function loadCase(name: string): CorpusCase {
  const expectation = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'), expandRepeat);
  return {
    application: 'reads and ends',
    inputEnds: false,
    ...expectation,
    name,
    input: parseHex(readFileSync(new URL(`${name}.hex`, folder), 'latin1')),
  };
}

export function parseHex(text: string): Buffer {
  const words = text.replace(/#.*/g, '').match(/\S+/g) ?? [];
  return Buffer.concat(words.map(parseWord));
}

function parseWord(word: string): Buffer {
  const match = /^((?:[0-9a-f]{2})+)(?:\*(\d+))?$/.exec(word);
  if (match === null) throw new Error(`Cannot read "${word}": must be hex bytes or XX*N`);
  const bytes = Buffer.from(match[1]!, 'hex');
  return match[2] === undefined ? bytes : Buffer.alloc(Number(match[2]), bytes);
}

function expandRepeat(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('repeat' in value)) return value;
  const { repeat, times } = value as { repeat: string; times: number };
  return repeat.repeat(times);
}
