import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands, unknownCommand } from '../../src/cli/commands.ts';
import { optionTable, readOptions, usage } from '../../src/cli/options.ts';
import { run, serverCommand } from '../harness/server.ts';

const read = (...args: string[]): string[] =>
  [...readOptions(args)].map((option) => (option === undefined ? 'usage' : `${option.name}=${option.value}`));

const forms: [args: string[], met: string[]][] = [
  [['-y', 'file'], ['fpm-config=file']],
  [['-yfile'], ['fpm-config=file']],
  [['-y=file'], ['fpm-config=file']],
  [['--fpm-config', 'file'], ['fpm-config=file']],
  [['--fpm-config=file'], ['fpm-config=file']],
  [['-tt'], ['test=', 'test=']],
  [['-FOR'], ['nodaemonize=', 'force-stderr=', 'allow-to-run-as-root=']],
  [
    ['-Fy', 'file'],
    ['nodaemonize=', 'fpm-config=file'],
  ],
  [['-?'], ['help=']],
  [['--usage'], ['help=']],
  [
    ['-d', 'a=b', '-dc'],
    ['define=a=b', 'define=c'],
  ],
  [
    ['-v', '-Z'],
    ['version=', 'usage'],
  ],
  [['-Z', '-v'], ['usage']],
  [['--fpm-conf', 'file'], ['usage']],
  [['--test=1'], ['test=']],
  [['-y'], ['usage']],
  [['--fpm-config'], ['usage']],
  [['--test='], ['usage']],
  [['--fpm-config='], ['usage']],
  [['-y='], ['fpm-config=']],
  [['-'], ['stray=-']],
  [['word'], ['stray=word']],
  [['-t', '--'], ['test=']],
  [
    ['-t', '--', 'word', '-v'],
    ['test=', 'stray=--'],
  ],
];

for (const [args, met] of forms) {
  test(`${args.join(' ')} is read as ${met.join(', ')}`, () => assert.deepEqual(read(...args), met));
}

test('every option of the table is read in every spelling', () => {
  for (const row of optionTable) {
    const value = row.takesValue ? ['value'] : [];
    const met = [`${row.name}=${value[0] ?? ''}`];
    for (const short of row.short) assert.deepEqual(read(`-${short}`, ...value), met);
    for (const long of row.long) assert.deepEqual(read(`--${long}`, ...value), met);
  }
});

test('the usage text names the program as it was called, and every short option', () => {
  assert.match(usage('/usr/sbin/php-fpm8.2'), /^Usage: php-fpm8\.2 /);
  const text = usage('hathi');
  for (const { short } of optionTable) assert.ok(text.includes(`-${short[0]}`), `-${short[0]} is missing`);
});

test('the usage text lists every command', () => {
  for (const { form, summary } of commands) {
    assert.match(usage('hathi'), new RegExp(`^  hathi ${form.replace(/[[\]]/g, '\\$&')} +${summary}$`, 'm'));
  }
});

const words: readonly (readonly [string, string])[] = [
  ['stauts', 'did you mean "status"?'],
  ['Status', 'did you mean "status"?'],
  ['sevre', 'did you mean "serve"?'],
  ['profil', 'did you mean "profile"?'],
  ['tpo', 'did you mean "top"?'],
  ['frobnicate', 'the commands are serve, build, '],
];
for (const [word, hint] of words) {
  test(`${word} is no command: ${hint}`, () => {
    assert.ok(
      unknownCommand(word).startsWith(`hathi: unknown command "${word}": ${hint}`),
      unknownCommand(word),
    );
  });
}

test('a wrong command ends with 64 and its one line; names of Object are no commands', async () => {
  for (const word of ['stauts', 'constructor', '__proto__']) {
    const { code, stdout, stderr } = await run(serverCommand('hathi'), [word]);
    assert.deepEqual([code, stdout], [64, '']);
    assert.match(stderr, new RegExp(`^hathi: unknown command "${word}": .*\\nTry: hathi -h\\n$`));
  }
});
