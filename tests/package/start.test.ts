/** `npm start` in a fresh clone with nothing but the machine's Node and npm, and the second start after it. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RunningCommand } from '../harness/child.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { cleanEnv } from '../harness/server.ts';
import { freePort } from '../harness/web-server.ts';

interface Manifest {
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** This process's environment without the checkout's node_modules/.bin, which npm put first on PATH. */
function freshEnv(port: number): NodeJS.ProcessEnv {
  const path = (process.env['PATH'] ?? '').split(':').filter((entry) => !entry.includes('node_modules'));
  return cleanEnv({ PATH: path.join(':'), PORT: String(port), HATHI_NODE: undefined });
}

describe('npm start', () => {
  const clone = new TestFolder('hathi-clone-');

  before(() => {
    for (const name of readdirSync(checkout)) {
      if (['.git', 'node_modules', 'dist', '.cache'].includes(name)) continue;
      cpSync(join(checkout, name), clone.join(name), { recursive: true });
    }
    // Of the packages for development a start needs Node alone; all of them are what `npm test` installs by the same
    // script. They take as long as the rest.
    const manifest = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as Manifest;
    const devDependencies = { node: manifest.devDependencies['node'] };
    writeFileSync(clone.join('package.json'), JSON.stringify({ ...manifest, devDependencies }));
  });

  after(() => clone[Symbol.dispose]());

  /** Starts, asks for the first page, stops with Ctrl-C. Returns the time to the page, in ms. */
  const firstPage = async (): Promise<number> => {
    const port = await freePort();
    const begin = performance.now();
    await using start = new RunningCommand('npm', ['start'], { cwd: clone.path, env: freshEnv(port) });
    const url = `http://127.0.0.1:${port}`;
    await start.says(new RegExp(url), 120_000);
    const response = await fetch(url);
    const page = await response.text();
    const time = performance.now() - begin;
    assert.equal(response.status, 200);
    assert.match(page, /PHP 8\.\d/);
    assert.match(start.stdout.text(), /PHP +8\.\d+\.\d+/i);
    assert.equal(await start.stop('SIGINT'), 0);
    await assert.rejects(fetch(url), 'nothing listens after the stop');
    return time;
  };

  test('installs what is missing and serves the example site', async () => {
    await firstPage();
  });

  test('installs nothing for the second start', async (t) => {
    const packages = clone.join('node_modules');
    const installed = statSync(packages).ctimeMs;
    t.diagnostic(`first page of the second npm start after ${Math.round(await firstPage())} ms`);
    assert.equal(statSync(packages).ctimeMs, installed, 'nothing is installed again');
  });

  test('says so when the port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    assert.ok(address !== null && typeof address === 'object');
    try {
      await using start = new RunningCommand('npm', ['start'], {
        cwd: clone.path,
        env: freshEnv(address.port),
      });
      await assert.rejects(start.says(/http:/), /ended with [1-9]/);
      assert.match(start.stderr.text(), new RegExp(`${address.port}.*(in use|taken)`));
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });
});
