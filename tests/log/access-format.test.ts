import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultAccessFormat } from '../../src/config/defaults.ts';
import { type AccessValues, compileAccessFormat } from '../../src/log/access-format.ts';
import { asBinary } from '../../src/text/binary.ts';
import { noRequestTexts } from '../../src/text/request-texts.ts';

const values: AccessValues = {
  pool: asBinary('www'),
  pid: 41,
  parentPid: 40,
  remoteAddress: asBinary('192.0.2.7'),
  method: asBinary('POST'),
  uri: asBinary('/index.php'),
  path: asBinary('/index.php'),
  query: asBinary('a=1&b=2'),
  script: asBinary('/srv/index.php'),
  user: asBinary('ada'),
  requestId: asBinary(''),
  servedBy: 'classic',
  contentLength: 12,
  status: 201,
  memoryPeak: 2_500_000,
  duration: 1_234_567,
  cpuUser: 200_000,
  cpuSystem: 100_000,
  acceptedAt: 1_700_000_000,
  loggedAt: 1_700_000_002,
  parameters: new Map([['HTTP_HOST', 'example.test']]),
  headers: [
    ['Content-Type', 'text/plain'],
    ['X-A', 'first'],
    ['X-A', 'second'],
  ],
};

function render(format: string, changes: Partial<AccessValues> = {}): string {
  const compiled = compileAccessFormat(format);
  assert.ok(compiled.ok, `'${format}' was refused`);
  return compiled.render({ ...values, ...changes }).toString('latin1');
}

function date(format: string, at: number): string {
  const args = ['-d', `@${at}`, `+${format}`];
  return execFileSync('date', args, { env: { ...process.env, LC_ALL: 'C' } })
    .toString()
    .trimEnd();
}

const rows: [format: string, expected: string][] = [
  ['plain text', 'plain text'],
  ['', ''],
  ['100%% %', '100% '],
  ['%C %{total}C %{user}C %{SYSTEM}C', '24.30 24.30 16.20 8.10'],
  ['%d %{seconds}d %{}d', '1.235 1.235 1.235'],
  ['%{milli}d %{milliseconds}d %{mili}d %{Miliseconds}d', '1234.567 1234.567 1234.567 1234.567'],
  ['%{micro}d %{microseconds}d', '1234567 1234567'],
  ['%{HTTP_HOST}e %{NOT_THERE}e', 'example.test -'],
  [
    '%f %l %m %n %p %P %q %Q %r %R %s %u',
    '/srv/index.php 12 POST www 41 40 a=1&b=2 ? /index.php 192.0.2.7 201 ada',
  ],
  ['%M %{bytes}M %{kilo}M %{kilobytes}M %{mega}M %{MegaBytes}M', '2500000 2500000 2441 2441 2 2'],
  ['%{Content-Type}o %{content-type}o %{X-A}o %{X-B}o', 'text/plain text/plain first -'],
  ['%{not this}{HTTP_HOST}e', 'example.test'],
];
for (const [format, expected] of rows) {
  test(`'${format}' prints '${expected}'`, () => assert.equal(render(format), expected));
}

test('what a request lacks is a dash or nothing, as in the reference', () => {
  const empty = { ...noRequestTexts, remoteAddress: asBinary(''), pool: asBinary('') };
  assert.equal(render('%f %m %n %R|%q%Q%r%u|', empty), '- - - -||');
  assert.equal(
    render(defaultAccessFormat, { user: asBinary(''), remoteAddress: asBinary('') }).slice(0, 5),
    '- -  ',
  );
});

test('no CPU share is claimed for a request that took no time', () => {
  assert.equal(render('%C', { duration: 0 }), '0.00');
});

test('times are those of date(1): accepted, logged, and any strftime format', () => {
  const common = '%d/%b/%Y:%H:%M:%S %z';
  assert.equal(render('%t|%T'), `${date(common, 1_700_000_000)}|${date(common, 1_700_000_002)}`);
  assert.equal(
    render('%{%A %j %s}t|%{%H}T'),
    `${date('%A %j %s', 1_700_000_000)}|${date('%H', 1_700_000_002)}`,
  );
});

test('one compiled format gives every request its own time', () => {
  const compiled = compileAccessFormat('%{%s}t');
  assert.ok(compiled.ok);
  const times = [5, 5, 6, 5].map((acceptedAt) => compiled.render({ ...values, acceptedAt }).toString());
  assert.deepEqual(times, ['5', '5', '6', '5']);
});

// The texts are those of the reference, as it printed them for these formats.
const refusals: [format: string, warning: string][] = [
  ['%z', 'Invalid token in the access.format (%z)'],
  ['% m', 'Invalid token in the access.format (% )'],
  ['%{a}}m', 'Invalid token in the access.format (%})'],
  ['%\xc3\xb6', 'Invalid token in the access.format (%\xc3)'],
  ['%{a}m', 'embrace is not allowed for modifier %m'],
  ['%{a}%', 'embrace is not allowed for modifier %%'],
  ['%{a}', 'missing closing embrace in the access.format'],
  ['%{a', 'missing closing embrace in the access.format'],
  ['%{', 'missing closing embrace in the access.format'],
  ['%e', 'the name of the environment variable must be set between embraces for %e'],
  ['%{}e', 'the name of the environment variable must be set between embraces for %e'],
  ['%o', 'the name of the header must be set between embraces for %o'],
  ['%{foo}C', "only 'total', 'user' or 'system' are allowed as a modifier for %C ('foo')"],
  ['%{constructor}C', "only 'total', 'user' or 'system' are allowed as a modifier for %C ('constructor')"],
  [
    '%{foo}d',
    "only 'seconds', 'milli', 'milliseconds', 'micro' or 'microseconds' are allowed as a modifier for %d ('foo')",
  ],
  [
    '%{foo}M',
    "only 'bytes', 'kilo', 'kilobytes', 'mega' or 'megabytes' are allowed as a modifier for %M ('foo')",
  ],
];
for (const [format, warning] of refusals) {
  test(`'${format}' is refused: ${warning}`, () => {
    assert.deepEqual(compileAccessFormat(format), { ok: false, warnings: [warning] });
  });
}

test('every code but those with a modifier refuses embraces', () => {
  for (const code of 'flmnpPqQrRsu') {
    assert.deepEqual(compileAccessFormat(`%{a}${code}`), {
      ok: false,
      warnings: [`embrace is not allowed for modifier %${code}`],
    });
  }
});

test('a client cannot forge a line or a field', () => {
  const forged = asBinary('x" 200\nfake\\\x7f');
  const escaped = 'x\\x22 200\\x0Afake\\x5C\\x7F';
  const parameters = new Map([['A', forged]]);
  const all = { uri: forged, query: forged, method: forged, user: forged, script: forged, parameters };
  assert.equal(render('%r|%q|%m|%u|%f|%{A}e', all), Array(6).fill(escaped).join('|'));
  assert.equal(render('%{X}o', { headers: [['X', 'a="b"\n']] }), 'a="b"\\x0A');
});

test('other bytes of a request pass unchanged', () => {
  assert.equal(render('%r', { uri: asBinary('/\xc3\xa9\xff') }), '/\xc3\xa9\xff');
});

test('any format is compiled or refused, and a line never has a newline of its own', () => {
  const pieces = fc.array(
    fc.constantFrom('%', '{', '}', 'a', 'C', 'd', 'e', 'o', 't', 'T', 'r', 'q', '%{x}e', ' '),
  );
  fc.assert(
    fc.property(pieces, fc.string(), (parts, text) => {
      const compiled = compileAccessFormat(parts.join(''));
      if (!compiled.ok) return compiled.warnings.length > 0;
      const parameters = new Map([['x', text]]);
      return !compiled
        .render({ ...values, uri: asBinary(text), query: asBinary(text), parameters })
        .includes(0x0a);
    }),
  );
});
