/** A reading with the memory of the last one has the outcome of a reading without: whatever has changed in between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkStart } from '../../src/config/check.ts';
import type { Configuration } from '../../src/config/directives.ts';
import { type LoadResult, loadConfiguration } from '../../src/config/load.ts';
import { Outdated, type ReadingMemory } from '../../src/config/reading-memory.ts';
import type { ConfigSystem } from '../../src/config/system.ts';
import { fakeSystem } from './fake-system.ts';

type Files = Readonly<Record<string, string>>;

const main = '[global]\nerror_log = /log/e\ninclude = /p/*.conf\n';
const pool = (name: string, lines = ''): string =>
  `[${name}]\nuser = www\nlisten = /run/${name}.sock\npm = ondemand\npm.max_children = 2\n${lines}`;
const machine: Files = {
  '/f': main,
  '/p/a.conf': pool('a'),
  '/p/b.conf': pool('b', 'php_value[memory_limit] = 1M\n'),
  '/p/c.conf': pool('c'),
  '/srv/': '',
};

function read(files: Files, overrides: Partial<ConfigSystem>, memory?: ReadingMemory): LoadResult {
  return loadConfiguration({ file: '/f', memory }, fakeSystem(files, overrides));
}

/** Another machine; `undefined` removes a file. */
interface Change {
  readonly files?: Readonly<Record<string, string | undefined>>;
  readonly system?: Partial<ConfigSystem>;
}

function changed(before: Files, { files = {} }: Change): Files {
  const after = Object.entries({ ...before, ...files }).filter(([, text]) => text !== undefined);
  return Object.fromEntries(after) as Files;
}

function withoutMemory({ memory: _, ...result }: LoadResult): Omit<LoadResult, 'memory'> {
  return result;
}

/** Reads twice; the second time has to be as without a memory. @returns pools taken from it; undefined: it was no use */
function second(before: Files, change: Change): string[] | undefined {
  const first = read(before, {});
  assert.ok(first.ok, JSON.stringify(first.messages));
  const after = changed(before, change);
  const fresh = read(after, change.system ?? {});
  let again: LoadResult;
  try {
    again = read(after, change.system ?? {}, first.memory);
  } catch (problem) {
    if (!(problem instanceof Outdated)) throw problem;
    return undefined;
  }
  assert.deepEqual(withoutMemory(again), withoutMemory(fresh));
  const taken = again.configuration?.pools.filter((one) => first.configuration?.pools.includes(one));
  return taken?.map(({ name }) => name) ?? [];
}

test('pools of files that say the same are taken from the memory', () => {
  const rows: readonly (readonly [
    what: string,
    before: Files,
    change: Change,
    taken: string[] | undefined,
  ])[] = [
    ['nothing', {}, {}, ['a', 'b', 'c']],
    [
      'a file of the same length',
      {},
      { files: { '/p/b.conf': pool('b', 'php_value[memory_limit] = 2M\n') } },
      ['a', 'c'],
    ],
    ['a file less', {}, { files: { '/p/b.conf': undefined } }, ['a', 'c']],
    ['a file more, before the others', {}, { files: { '/p/0.conf': pool('z') } }, ['a', 'b', 'c']],
    [
      'another name of a file, and so another order',
      {},
      { files: { '/p/a.conf': undefined, '/p/z.conf': pool('a') } },
      ['b', 'c'],
    ],
    ['the global section', {}, { files: { '/f': `[global]\nlog_level = debug\n${main}` } }, ['a', 'b', 'c']],
    [
      'an event mechanism that ondemand pools need',
      {},
      { files: { '/f': `[global]\nevents.mechanism = poll\n${main}` } },
      undefined,
    ],
    [
      'a line after the include, which is the last pool’s',
      {},
      { files: { '/f': `${main}pm.max_children = 9\n` } },
      undefined,
    ],
    [
      'a line after the include that was there before',
      { '/f': `${main}pm.max_children = 9\n` },
      {},
      ['a', 'b'],
    ],
    [
      'a section that goes on in another file',
      {},
      { files: { '/p/d.conf': '[A]\npm.max_children = 9\n' } },
      undefined,
    ],
    [
      'a section that begins in another file',
      {},
      { files: { '/p/0.conf': '[b]\npm.max_children = 9\n' } },
      ['a', 'c'],
    ],
    [
      'one that went on before',
      { '/p/d.conf': '[A]\npm.max_children = 9\n' },
      { files: { '/p/d.conf': undefined } },
      ['b', 'c'],
    ],
    [
      'a file without a section after a pool',
      {},
      { files: { '/p/ab.conf': 'pm.max_children = 9\n' } },
      undefined,
    ],
    [
      'a global section in a file of a pool',
      { '/p/a.conf': `${pool('a')}[global]\nprocess.max = 9\n` },
      {},
      ['b', 'c'],
    ],
    [
      'a nested include',
      { '/p/b.conf': `${pool('b')}include = /q/*.conf\n`, '/q/x.conf': pool('x') },
      { files: { '/q/x.conf': pool('x', 'chdir = /\n') } },
      ['a', 'c'],
    ],
    ['two pools with one address', {}, { files: { '/p/c.conf': pool('c').replace('/run/c', '/run/a') } }, []],
    ['two pools in one file', { '/p/a.conf': pool('a') + pool('a2') }, {}, ['a', 'a2', 'b', 'c']],
    ['a file twice', { '/f': `${main}include = /p/a.conf\n` }, {}, ['b', 'c']],
    ['an error in another file', {}, { files: { '/p/c.conf': '[c]\nnonsense = 1\n' } }, []],
    ['a syntax error in another file', {}, { files: { '/p/c.conf': '[c\n' } }, []],
    [
      'an include that finds nothing',
      {},
      { files: { '/f': `${main}[global]\ninclude = /none/*.conf\n` } },
      [],
    ],
    [
      'messages of the checks',
      {
        '/p/a.conf': pool('a').replace(
          'ondemand',
          'dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = 2',
        ),
      },
      {},
      ['a', 'b', 'c'],
    ],
    ['a status page of its own', { '/p/b.conf': pool('b', 'pm.status_listen = 9001\n') }, {}, ['a', 'c']],
  ];
  for (const [what, before, change, taken] of rows)
    assert.deepEqual(second({ ...machine, ...before }, change), taken, what);
});

test('what the files do not say is asked again', () => {
  const chdir = { '/p/b.conf': pool('b', 'chdir = /srv\n') };
  const slow = { '/p/b.conf': pool('b', 'slowlog = /log/s\nrequest_slowlog_timeout = 1\n') };
  const access = { '/p/b.conf': pool('b', 'access.log = /log/a\n') };
  const format = { '/p/b.conf': pool('b', 'access.log = /log/a\naccess.format = %R\n') };
  const refused = { errno: 13, message: 'Permission denied' };
  const variable = { '/p/b.conf': pool('b', `env[X] = \${FROM_ENV}\n`) };
  const ini = { '/p/b.conf': pool('b', `env[X] = \${from_ini}\n`) };
  const constant = { '/p/b.conf': pool('b', 'php_value[x] = PHP_VERSION\n') };
  const rows: readonly (readonly [
    what: string,
    before: Files,
    change: Change,
    taken: string[] | undefined,
  ])[] = [
    ['a folder that is there', chdir, {}, ['a', 'b', 'c']],
    ['a folder that is gone', chdir, { files: { '/srv/': undefined } }, undefined],
    ['a slow log that can be opened', slow, {}, ['a', 'b', 'c']],
    [
      'a slow log that cannot',
      slow,
      { system: { openForAppend: (path) => (path === '/log/s' ? refused : undefined) } },
      undefined,
    ],
    [
      'an access log that cannot be opened',
      access,
      { system: { openForAppend: (path) => (path === '/log/a' ? refused : undefined) } },
      [],
    ],
    [
      'an access log of another owner',
      access,
      {
        system: {
          openForAppend: (path) => (path === '/log/a' ? { ...refused, isForeign: true } : undefined),
        },
      },
      ['a', 'b', 'c'],
    ],
    ['a format that is refused', format, { system: { checkAccessFormat: () => ['no'] } }, []],
    ['a variable', variable, { system: { environment: () => 'other' } }, ['a', 'c']],
    ['a value of php.ini', ini, { system: { iniValue: () => 'other' } }, ['a', 'c']],
    ['a constant', constant, { system: { constant: () => '8.5.0' } }, []],
    [
      'a name that was none',
      {},
      { system: { constant: (name) => (name === 'ondemand' ? 'static' : undefined) } },
      [],
    ],
    ['a master that is root no longer', {}, { system: { isRoot: false } }, ['a', 'b', 'c']],
  ];
  for (const [what, before, change, taken] of rows)
    assert.deepEqual(second({ ...machine, ...before }, change), taken, what);
});

test('users and groups are looked up for pools of the memory as well', () => {
  const first = read(machine, {});
  const system: Partial<ConfigSystem> = { lookupUser: () => undefined };
  const again = read(machine, system, first.memory);
  assert.equal(again.configuration?.pools[0], first.configuration?.pools[0]);
  const check = ({ configuration }: LoadResult) =>
    checkStart(configuration as Configuration, fakeSystem(machine, system));
  assert.match(check(again)[0]?.text ?? '', /cannot get uid for user 'www'/);
  assert.deepEqual(check(again), check(read(machine, system)));
});

test('any series of changes is read as without a memory', () => {
  const names = fc.constantFrom('a', 'b', 'C', 'c', 'global');
  const line = fc.constantFrom(
    'pm.max_children = 3',
    'pm = dynamic',
    'chdir = /srv',
    'slowlog = /log/s',
    'request_slowlog_timeout = 1',
    'pm.status_listen = 9001',
    'listen = 9000',
    `env[X] = \${FROM_ENV}`,
    'include = /q/*.conf',
    'process.max = 8',
    'events.mechanism = poll',
    '; nothing',
    'nonsense',
  );
  const section = fc
    .tuple(names, fc.array(line, { maxLength: 2 }))
    .map(([name, lines]) =>
      name === 'global' ? `[global]\n${lines.join('\n')}\n` : pool(name, `${lines.join('\n')}\n`),
    );
  const text = fc
    .tuple(fc.boolean(), fc.array(section, { maxLength: 2 }))
    .map(
      ([startsAmid, sections]) =>
        (startsAmid && sections.length > 0 ? 'pm.max_children = 7\n' : '') + sections.join(''),
    );
  const step = fc.record({
    path: fc.constantFrom('/p/1.conf', '/p/2.conf', '/p/3.conf', '/q/4.conf', '/f'),
    text,
    isRemoved: fc.boolean(),
    hasFolder: fc.boolean(),
    variable: fc.constantFrom('one', 'two'),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), (steps) => {
      let files: Record<string, string> = { '/f': main, '/p/0.conf': pool('base') };
      let memory: ReadingMemory | undefined;
      for (const { path, text: content, isRemoved, hasFolder, variable } of steps) {
        files = { ...files, [path]: path === '/f' ? main + content : content };
        if (isRemoved && path !== '/f') delete files[path];
        if (hasFolder) files['/srv/'] = '';
        else delete files['/srv/'];
        const system = { environment: () => variable };
        const fresh = read(files, system);
        try {
          const again = read(files, system, memory);
          assert.deepEqual(withoutMemory(again), withoutMemory(fresh));
          memory = again.memory ?? memory;
        } catch (problem) {
          if (!(problem instanceof Outdated)) throw problem;
          memory = fresh.memory;
        }
      }
    }),
    { numRuns: 400 },
  );
});
