import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { testConfiguration } from '../../src/config/check.ts';
import { type LoadOptions, loadConfiguration } from '../../src/config/load.ts';
import type { ConfigMessage } from '../../src/config/messages.ts';
import type { ConfigSystem } from '../../src/config/system.ts';
import { LOG_LEVELS } from '../../src/config/values.ts';
import { versionConstant } from '../../src/engine/choice/version-constants.ts';
import { realSystem } from '../config/real-system.ts';
import { isPhpAtLeast, phpFpm, testedPhp } from '../harness/debian.ts';
import { CASES, type Case, OWN, STRICTER } from './config-cases.ts';

const REFERENCE = phpFpm;
const DEBIAN = `/etc/php/${testedPhp}/fpm/php-fpm.conf`;
/** Its log belongs to root. */
const skipDebian =
  realSystem.isRoot && existsSync(DEBIAN) ? false : `${DEBIAN} is missing or not to be had by this user`;
/** Version-dependent parts are those of php-fpm. */
const system: ConfigSystem = {
  ...realSystem,
  constant: (name) => versionConstant(name, () => `${testedPhp}.0`),
};
const skip = existsSync(REFERENCE) ? false : `${REFERENCE} is not installed`;

interface Outcome {
  readonly lines: readonly string[];
  readonly code: number;
}

const root = mkdtempSync(join(tmpdir(), 'hathi-config-'));
after(() => rmSync(root, { recursive: true, force: true }));

/**
 * Lines of a log without their times, and without the empty line that ends a success in PHP 8.2. Since 8.3 PHP knows one
 * thing more that it might have expected.
 */
function withoutTimes(log: string): string[] {
  const lines = log
    .split('\n')
    .map((line) => line.replace(/^\[\d\d-\w{3}-\d{4} [\d:.]+\] /, '').replace(/TC_FALLBACK or (?='}')/, ''));
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

function reference(flags: readonly string[]): Outcome {
  const { stderr, stdout, status } = spawnSync(REFERENCE, ['-n', '-tt', ...flags], {
    encoding: 'latin1',
    cwd: root,
  });
  assert.equal(stdout, '');
  return { lines: withoutTimes(stderr), code: status ?? -1 };
}

function ours(options: LoadOptions): Outcome {
  const loaded = loadConfiguration(options, system);
  const tested = loaded.configuration && testConfiguration(loaded.configuration, system, { dump: true });
  const messages: ConfigMessage[] = [...loaded.messages, ...(tested?.messages ?? [])];
  const ok = tested?.ok === true;
  if (!ok) messages.push({ level: 'error', text: 'FPM initialization failed' });
  const threshold = LOG_LEVELS.indexOf(loaded.configuration?.global.log_level ?? 'notice');
  const lines = messages
    .filter(({ level }) => LOG_LEVELS.indexOf(level) >= threshold)
    .map(({ level, text, raw }) => (raw ? text : `${level.toUpperCase()}: ${text}`));
  return { lines, code: ok ? 0 : 78 };
}

/** Writes a case's files; returns its folder. */
function prepare({ main, files }: Case): string {
  const folder = mkdtempSync(join(root, 'case-'));
  for (const [name, text] of Object.entries({ 'main.conf': main, ...files })) {
    const path = join(folder, name);
    mkdirSync(name.endsWith('/') ? path : dirname(path), { recursive: true });
    if (!name.endsWith('/')) writeFileSync(path, text.replaceAll('@', folder));
  }
  return folder;
}

function optionsOf(flags: readonly string[], file: string): LoadOptions {
  const value = (flag: string) => (flags.includes(flag) ? flags[flags.indexOf(flag) + 1] : undefined);
  const [prefix, pidFile] = [value('-p'), value('-g')];
  return { file, ...(prefix === undefined ? {} : { prefix }), ...(pidFile === undefined ? {} : { pidFile }) };
}

/** Cases that php-fpm 8.5 decides in another way than 8.2 and 8.4 (docs/differences.md). */
const decidedOtherwise: readonly string[] = isPhpAtLeast('8.5')
  ? ['a folder that cannot be searched', 'no user']
  : [];

describe('-tt says what PHP-FPM says', { skip }, () => {
  for (const example of CASES.filter(({ name }) => !decidedOtherwise.includes(name))) {
    test(example.name, () => {
      const folder = prepare(example);
      const file = join(folder, 'main.conf');
      const flags = (example.flags ?? []).map((flag) => flag.replaceAll('@', folder));
      const expected = reference([...flags, '-y', file]);
      const actual = ours(optionsOf(flags, file));
      const hide = (lines: readonly string[]) => lines.map((line) => line.replaceAll(folder, '@'));
      let lines = hide(expected.lines);
      for (const [theirs, own] of example.differs?.lines ?? []) {
        assert.ok(lines.includes(theirs), `the reference no longer says: ${theirs}`);
        lines = lines.map((line) => (line === theirs ? own : line));
      }
      assert.deepEqual(hide(actual.lines), lines);
      assert.equal(actual.code, expected.code);
    });
  }

  test("Debian's own configuration", {
    skip: skipDebian,
  }, () => {
    const expected = reference(['-y', DEBIAN]);
    assert.deepEqual(ours({ file: DEBIAN }), expected);
    assert.equal(expected.code, 0);
  });
});

describe('-t knows more than PHP-FPM', { skip }, () => {
  for (const example of STRICTER) {
    test(example.name, { skip: realSystem.isRoot ? false : 'the rules about root need root' }, () => {
      const file = join(prepare(example), 'main.conf');
      assert.equal(reference(['-y', file]).code, 0);
      assert.deepEqual(ours({ file }), {
        lines: [example.says, 'ERROR: FPM initialization failed'],
        code: 78,
      });
    });
  }

  for (const example of OWN) {
    test(`${example.name} is a directive here only`, () => {
      const file = join(prepare(example), 'main.conf');
      const [name] = example.main.split('\n').slice(-2)[0]?.split(' = ') ?? [];
      assert.ok(reference(['-y', file]).lines.some((line) => line.endsWith(`unknown entry '${name}'`)));
      const outcome = ours({ file });
      assert.equal(outcome.code, 0);
      assert.match(outcome.lines.at(-3) ?? '', new RegExp(`^NOTICE: \t${name} = `));
    });
  }
});
