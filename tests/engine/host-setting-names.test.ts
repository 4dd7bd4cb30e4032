/** Every directive has a reader, every setting that is sent is read, and what must be sent is missed when it is not. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { Engine } from '../../src/config/directive.ts';
import { DIRECTIVES, newPool } from '../../src/config/directives.ts';
import {
  hostSettingNames,
  isHostSetting,
  namesOf,
  requiredSettings,
} from '../../src/engine/host-setting-names.ts';
import { hostSettings } from '../../src/engine/host-settings.ts';
import { sourceFolder } from '../../src/engine/native/build.ts';
import { settingConstant, settingNamesHeader } from '../../src/engine/native/setting-names-header.ts';
import { FakeMaster } from '../embedded/fake-master.ts';
import { usualSettings } from '../embedded/usual-settings.ts';
import { checkout } from '../harness/folder.ts';
import { nativeBuild } from '../native/built-engine.ts';

/** Text of every file below the folders, without comments, which read nothing. */
function sourcesOf(ending: string, ...folders: readonly string[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith(ending)) continue;
      const text = readFileSync(join(folder, name), 'utf8');
      texts.set(join(folder, name), text.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g, ''));
    }
  }
  return texts;
}

const src = (path: string): string => join(checkout, 'src', path);
const native = sourcesOf('.c', sourceFolder);
const embeddedReader = src('engine/embedded/host/pool-settings.ts');
const embedded = sourcesOf('.ts', src('engine/embedded'));
/** Where the master acts on directives itself. */
const master = [
  ...sourcesOf(
    '.ts',
    ...['master', 'generation', 'sockets', 'pool', 'boot', 'cli', 'admin', 'watch'].map(src),
  ).values(),
  ...engineChoice(),
].join('\n');

function engineChoice(): string[] {
  return ['engine/choice/select.ts', 'engine/native/locate.ts', 'engine/host-settings.ts'].map((file) =>
    readFileSync(src(file), 'utf8'),
  );
}

/** Used while the configuration is read, and done with then. */
const ofTheReading: ReadonlySet<string> = new Set(['prefix', 'include', 'listen.setfib', 'events.mechanism']);

/** As a quoted name, or as a property where the name can be one. */
function mentions(text: string, name: string): boolean {
  const escaped = name.replaceAll('.', '\\.');
  const forms = /^\w+$/.test(name)
    ? [`'${escaped}'`, `\\.${escaped}\\b`, `[{,]\\s*${escaped}\\b`]
    : [`'${escaped}'`];
  return new RegExp(forms.join('|')).test(text);
}

const engines: readonly Engine[] = ['embedded', 'native'];

suite('every directive has a reader in each engine that does not name it under its limits', () => {
  for (const row of DIRECTIVES) {
    // Flags are stored with the values that they go into.
    if (row.type === 'flags' || ofTheReading.has(row.name)) continue;
    test(`[${row.scope === 'global' ? 'global' : 'pool'}] ${row.name}`, () => {
      if (mentions(master, row.name)) return;
      for (const engine of engines) {
        if (row.limits?.[engine] !== undefined) continue;
        assert.ok(isHostSetting(row.name), `nobody reads ${row.name}, and it is not sent`);
        const { readers } = hostSettingNames[row.name];
        assert.ok((readers as readonly Engine[]).includes(engine), `no reader in the ${engine} engine`);
      }
    });
  }
});

suite('every setting of the list', () => {
  for (const [name, { readers }] of Object.entries(hostSettingNames)) {
    const isFor = (engine: Engine): boolean => (readers as readonly Engine[]).includes(engine);
    test(`${name} is read by ${readers.join(' and ')}, and by nobody else`, () => {
      assert.equal(mentions(embedded.get(embeddedReader) ?? '', name), isFor('embedded'), 'embedded');
      const constant = new RegExp(`\\b${settingConstant(name)}\\b`);
      assert.equal(
        [...native.values()].some((text) => constant.test(text)),
        isFor('native'),
        'native',
      );
    });
  }

  test('what the embedded engine makes of them is used', () => {
    const text = embedded.get(embeddedReader) ?? '';
    const properties = /export interface PoolSettings \{([\s\S]*?)\n\}/.exec(text)?.[1] ?? '';
    const names = [...properties.matchAll(/^ {2}readonly (\w+):/gm)].map(([, name = '']) => name);
    assert.ok(names.includes('heapLimit'));
    const others = [...embedded].filter(([file]) => file !== embeddedReader).map(([, other]) => other);
    for (const name of names) {
      assert.ok(
        others.some((other) => new RegExp(`\\b${name}\\b`).test(other)),
        `nobody uses ${name}`,
      );
    }
  });

  test('no other name is sent, and those that are required always are', () => {
    const pool = { ...newPool('www', { file: 'x', line: 1 }), pm: 'static', 'pm.max_children': 1 } as const;
    const everything = Object.fromEntries(
      DIRECTIVES.filter(({ scope, type }) => scope === 'pool' && type !== 'flags' && type !== 'include').map(
        ({ name, type }) => [name, type === 'pairs' ? [['a', 'b']] : type === 'list' ? ['a'] : '1'],
      ),
    );
    const identity = { uid: 1, gid: 1, groups: [1], user: 'a', home: '/', dropsRights: true };
    const sent = hostSettings({
      pool: { ...pool, ...everything, clear_env: false, statusOf: 'x', folderVersion: '8.2' } as typeof pool,
      identity,
      laneSlots: 0,
      php: { files: ['a'], hasScanFolder: true, folder: '/', ignored: false, defines: ['a=b'] },
      listenKind: 'tcp',
      hasAccessLog: true,
      log: { level: 'notice', limit: 1024, format: 'json' },
      env: { A: 'b' },
      auditSocket: '/a',
    });
    assert.deepEqual([...new Set(sent.map(([name]) => name))].sort(), Object.keys(hostSettingNames).sort());
    const least = new Set<string>(usualSettings(1).map(([name]) => name));
    const required = new Set(engines.flatMap(requiredSettings));
    assert.deepEqual(
      [...required].filter((name) => !least.has(name)),
      [],
    );
  });
});

suite('the names in C', () => {
  test('native/shared/setting_names.h is made from the list', () => {
    assert.equal(readFileSync(join(sourceFolder, 'shared/setting_names.h'), 'utf8'), settingNamesHeader());
  });

  test('no setting is read by a text of its own', () => {
    const names = new Set<string>(namesOf('native'));
    for (const [file, text] of native) {
      for (const [, name = ''] of text.matchAll(/hathi_setting_\w+\([^,;"]*,\s*"([^"]+)"/g)) {
        assert.fail(`${file} reads "${name}"${names.has(name) ? '' : ', which is no setting'}`);
      }
    }
  });
});

const { command, skip } = nativeBuild();

suite('a native host', { skip, concurrency: 2 }, () => {
  const failureOf = async (options: ConstructorParameters<typeof FakeMaster>[0]): Promise<string> => {
    await using fake = new FakeMaster({ command, ...options });
    const answer = await fake.next(({ type }) => type === 'failed' || type === 'ready', 'an answer');
    return answer.type === 'failed' ? answer.reason : answer.type;
  };

  for (const name of requiredSettings('native')) {
    test(`without ${name} it says that its master is of another version`, async () => {
      assert.equal(
        await failureOf({ without: [name] }),
        `the master sent no setting "${name}"; it is of another version`,
      );
    });
  }

  test('a path for pings needs a response, an access log its format', async () => {
    const pinged = { settings: [['ping.path', '/ping']] as const, without: ['ping.response'] };
    assert.match(await failureOf(pinged), /no setting "ping\.response"/);
    assert.match(
      await failureOf({ accessLog: true, without: ['access.format'] }),
      /no setting "access\.format"/,
    );
    assert.equal(await failureOf({ settings: [['ping.path', '/ping']], accessLog: true }), 'ready');
  });
});
