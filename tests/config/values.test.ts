import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atoi } from '../../src/config/integer.ts';
import * as values from '../../src/config/values.ts';

const NUMBER = 'is not a valid number (greater or equal than zero)';
const SUFFIX = 'unknown suffix used in time value';

/** Parsers, with what they take and what they refuse. */
const TABLE: readonly (readonly [
  name: string,
  parse: (text: string) => values.Parsed<unknown>,
  taken: Readonly<Record<string, unknown>>,
  refused: Readonly<Record<string, string>>,
])[] = [
  [
    'integer',
    values.parseInteger,
    { '0': 0, '12': 12, '-3': -3, '': 0, '-': 0, '010': 10, '4294967297': 1, '99999999999999999999': -1 },
    { '1k': NUMBER, '+1': NUMBER, '1.5': NUMBER, ' 1': NUMBER, '--1': NUMBER },
  ],
  [
    'time',
    values.parseTime,
    { '5': 5, '5s': 5, '2m': 120, '1h': 3600, '2d': 172_800, '1.5m': 60, abcs: 0, '-1s': -1, s: 0, x9: 0 },
    { '': 'invalid time value', '5S': SUFFIX, '5x': SUFFIX, '5 ': SUFFIX },
  ],
  [
    'boolean',
    values.parseBoolean,
    {
      '1': true,
      yes: true,
      true: true,
      on: true,
      '': false,
      '0': false,
      no: false,
      none: false,
      false: false,
      off: false,
    },
    { Yes: 'invalid boolean value', '2': 'invalid boolean value', ON: 'invalid boolean value' },
  ],
  [
    'level',
    values.parseLogLevel,
    { debug: 'debug', NOTICE: 'notice', warning: 'warning', Warn: 'warning', error: 'error', alert: 'alert' },
    { info: `invalid value for 'log_level'`, '': `invalid value for 'log_level'` },
  ],
  [
    'facility',
    values.parseFacility,
    { daemon: 24, AUTH: 32, authpriv: 80, CRON: 72, LOCAL0: 128, local7: 184 },
    { local8: 'invalid value', constructor: 'invalid value' },
  ],
  [
    'core limit',
    values.parseCoreLimit,
    { Unlimited: -1, '0': 0, '4096': 4096 },
    { '-1': `must be greater than zero or 'unlimited'`, x: NUMBER },
  ],
  [
    'process manager',
    values.parseProcessManager,
    { static: 'static', Dynamic: 'dynamic', ONDEMAND: 'ondemand', auto: 'auto' },
    { automatic: 'invalid process manager (static, dynamic or ondemand)' },
  ],
  [
    'engine',
    values.parseEngine,
    { AUTO: 'auto', embedded: 'embedded' },
    { wasm: 'invalid engine (auto, native or embedded)' },
  ],
  [
    'isolation',
    values.parseIsolation,
    { Request: 'request' },
    { none: 'invalid isolation (worker or request)' },
  ],
  [
    'start of a host',
    values.parseHostStart,
    { Fork: 'fork', exec: 'exec' },
    { spawn: 'invalid start of a host (fork or exec)' },
  ],
  [
    'slow log format',
    values.parseSlowlogFormat,
    { compat: 'compat', Detailed: 'detailed' },
    { json: 'invalid format of the slow log (compat or detailed)' },
  ],
  [
    'bytes',
    values.parseBytes,
    { '0': 0, '1024': 1024, '2k': 2048, '512M': 536_870_912, '1G': 1_073_741_824 },
    Object.fromEntries(
      ['', '1T', '-1', '1.5G', 'M', '9999999999999'].map((text) => [
        text,
        'is not a size in bytes such as 512M (suffixes K, M and G)',
      ]),
    ),
  ],
  [
    'text in a pool',
    (text) => values.parseString(text, 'www'),
    { a$poolb: 'awwwb', $pool: 'www', '$pool-$pool': 'www-www', $prefix: '$prefix' },
    {},
  ],
  [
    'text outside of a pool',
    (text) => values.parseString(text, undefined),
    { x: 'x' },
    { $pool: `Can't use '$pool' when the pool is not defined` },
  ],
];

for (const [name, parse, taken, refused] of TABLE) {
  describe(name, () => {
    for (const [text, value] of Object.entries(taken)) {
      test(`takes "${text}"`, () => assert.deepEqual(parse(text), { value }));
    }
    for (const [text, reason] of Object.entries(refused)) {
      test(`refuses "${text}"`, () => assert.deepEqual(parse(text), { reason }));
    }
  });
}

test('a pool whose name holds $pool does not replace for ever', () => {
  assert.deepEqual(values.parseString('$pool', 'a$pool'), { value: 'a$pool' });
});

test('atoi wraps at 32 bits and stops at what is no digit', () => {
  assert.deepEqual(['', 'x', ' 7x', '+7', '2147483648'].map(atoi), [0, 0, 7, 7, -2_147_483_648]);
});
