/**
 * PHP is upgraded by a reload: package managers replace its program and its ini files while they are in use. New
 * workers have the new PHP, and what runs is answered by the old one.
 */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, cpSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { suite, test } from 'node:test';
import type { BuildRecord } from '../../src/engine/native/store.ts';
import { processesOf } from '../faults/injectors.ts';
import { assertEachOnce, assertGoesOn, assertKept, factsOf } from '../faults/invariants.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { startLoad } from '../harness/load.ts';
import { Masters } from '../harness/masters.ts';
import { poolText } from '../harness/pool.ts';
import { isAlive } from '../harness/processes.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const { skip, folder: built } = nativeBuild();
const clients = 16;
/** What tells one PHP from another: its version, and a value of an ini file. */
const tells = `PHP_VERSION . ' ' . ini_get('user_agent')`;
const waits = (ms: number, answer: string): string =>
  `<?php $end = microtime(true) + ${ms / 1000}; while (microtime(true) < $end) usleep(5000); echo ${answer};`;

/** A PHP of the test's own, with the engine for it. */
class OwnPhp {
  readonly folder = new TestFolder('hathi-php-');
  readonly #record: BuildRecord;

  constructor() {
    const [name = ''] = readdirSync(built).filter((file) => /^hathi-engine-\d+\.json$/.test(file));
    const { linked: _, ...record } = JSON.parse(readFileSync(join(built, name), 'utf8')) as BuildRecord;
    this.#record = record;
    const host = this.folder.join(basename(record.host));
    const scanFolder = this.folder.mkdir('conf.d');
    copyFileSync(realpathSync(record.host), host);
    chmodSync(host, 0o755);
    cpSync(record.scanFolder, scanFolder, { recursive: true, dereference: true });
    copyFileSync(join(built, name.replace(/json$/, 'so')), this.folder.join(name.replace(/json$/, 'so')));
    this.folder.write(name, JSON.stringify({ ...record, host, scanFolder }));
    this.tell('old');
  }

  get version(): string {
    return this.#record.php;
  }

  get api(): string {
    return this.#record.api;
  }

  /** As a package manager does: the new file is renamed into the place of the one that is in use. */
  replaceProgram(from: string, to: string): void {
    const program = readFileSync(realpathSync(this.#record.host)).toString('latin1');
    const other = program.replaceAll(from, to);
    assert.notEqual(other, program);
    this.folder.write(basename(this.#record.host), Buffer.from(other, 'latin1'), 0o755);
  }

  /** The value of its ini file. */
  tell(value: string): void {
    this.folder.write('conf.d/90-test.ini', `user_agent = ${value}\n`);
  }
}

suite('an upgrade of PHP', { skip }, () => {
  for (const changed of ['', '&changed=1'])
    test(`under load, by a reload${changed === '' ? '' : ' of what has changed'}: no request is lost`, async () => {
      const php = new OwnPhp();
      using _ = php.folder;
      await using masters = new Masters('native', (to) =>
        poolText(to, 'www', 'pm.max_children = 4\npm.status_path = /status'),
      );
      const script = (name: string, code: string) =>
        scriptParams(masters.folder.write(`www/${name}.php`, code));
      const first = await masters.start(30_000, { HATHI_ENGINE_DIR: php.folder.path });
      const told = async (params: Readonly<Record<string, string>>) =>
        (await request(masters.socket(), params, '', 60_000)).body.toString();
      const who = script('who', `<?php echo ${tells};`);
      const before = `${php.version} old`;
      assert.equal(await told(who), before);
      const short = script('short', waits(20, `'short'`));
      const load = startLoad({ clients, address: masters.socket(), params: short, body: 'short' });
      try {
        const long = told(script('long', waits(5000, tells)));
        long.catch(() => undefined);
        await poll(
          'the request of 5 s',
          async () => JSON.stringify((await masters.pool()).workers).includes('/long.php') || undefined,
        );
        const earlier = await factsOf(masters);
        masters.note(first);
        const [template] = processesOf(masters, 'template');
        const [host] = processesOf(masters, 'host');
        assert.ok(template !== undefined && host !== undefined);
        php.replaceProgram(
          php.version,
          php.version.replace(/\d$/, (digit) => `${(Number(digit) + 1) % 10}`),
        );
        php.tell('new');
        const answered = load.answered;
        const result = JSON.parse(await masters.ask(`/api/reload?wait=1${changed}`, 'POST'));
        assert.equal(result.outcome, 'succeeded', JSON.stringify(result));
        const after = await Promise.all(Array.from({ length: clients }, () => told(who)));
        assert.equal(new Set(after).size, 1);
        const [version, value] = (after[0] ?? '').split(' ');
        assert.deepEqual([version === php.version, value], [false, 'new']);
        assert.ok(isAlive(template) && isAlive(host), 'the old PHP still has a request');
        masters.note(first);
        assert.equal(processesOf(masters, 'template').length, 2);
        assert.equal(await long, before, 'by the PHP in which it began');
        await poll(
          'the end of the old PHP',
          () => (!isAlive(template) && !isAlive(host)) || undefined,
          10_000,
        );
        await poll('answers', () => load.answered > answered + clients || undefined);
        const { counts, samples } = await load.stop();
        assert.deepEqual(Object.keys(counts), ['ok'], `${samples.join('\n')}\n${first.log.text()}`);
        assertGoesOn(earlier, await factsOf(masters));
        masters.note(first);
        await assertEachOnce(masters);
        await masters.stop(first);
        await masters.gone(5000);
      } finally {
        await load.stop();
      }
    });

  test('to one that the engine was not built for: the old one serves on, with the reason', async () => {
    const php = new OwnPhp();
    using _ = php.folder;
    await using masters = new Masters('native', (to) => poolText(to, 'www', 'pm.max_children = 2'));
    const first = await masters.start(30_000, { HATHI_ENGINE_DIR: php.folder.path });
    const earlier = await factsOf(masters);
    php.replaceProgram(`API${php.api},`, 'API20990101,');
    const result = JSON.parse(await masters.ask('/api/reload?wait=1', 'POST'));
    assert.equal(result.outcome, 'partial', JSON.stringify(result));
    assert.match(
      JSON.stringify(result),
      /engine was built for API\d+,\w+, the PHP that hosts it is API20990101/,
    );
    assertKept(earlier, await factsOf(masters));
    await masters.stop(first);
    await masters.gone(5000);
  });
});
