/** The global section alone is the one of the whole configuration, wherever its lines are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfiguration, loadGlobal } from '../../src/config/load.ts';
import { fakeSystem } from './fake-system.ts';

const pool = (name: string): string =>
  `; ${name}\n\n[${name}]\nuser = www\nlisten = /run/${name}\npm = ondemand\n`;
const listen = 'admin.listen = /run/x.sock\n';
const pools = { '/p/a.conf': pool('a'), '/p/b.conf': pool('b') };
const include = 'include = /p/*.conf\n';

test('files with pools only are passed over, and nothing of the global section with them', () => {
  const rows: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'before the include': { '/f': `[global]\n${listen}${include}` },
    'after it, in a section of its own': { '/f': `[global]\n${include}[GLOBAL]\n${listen}` },
    'before any section of a file': { '/f': `[global]\n${include}`, '/p/0.conf': `${listen}${pool('c')}` },
    'after the pool of a file': {
      '/f': `[global]\n${include}`,
      '/p/c.conf': `${pool('c')}[ Global ]\n[global]\n${listen}`,
    },
    'in a file that a file of a pool includes': {
      '/f': `[global]\n${include}`,
      '/p/c.conf': `${pool('c')}include = /q/*.conf\n`,
      '/q/x.conf': `[global]\n${listen}`,
    },
    'the later one of two': {
      '/f': `[global]\nadmin.listen = off\n${include}`,
      '/p/c.conf': `[global]\n${listen}`,
    },
  };
  for (const [where, files] of Object.entries(rows)) {
    const system = fakeSystem({ ...pools, ...files });
    const options = { file: '/f' };
    const whole = loadConfiguration(options, system);
    assert.equal(whole.global['admin.listen'], '/run/x.sock', `${where}: ${JSON.stringify(whole.messages)}`);
    assert.equal(loadGlobal(options, system)['admin.listen'], '/run/x.sock', where);
    assert.equal(loadGlobal(options, system)['admin.token'], whole.global['admin.token'], where);
  }
});

test('a line after the include is the last pool’s, and an error ends the reading', () => {
  const read = (files: Readonly<Record<string, string>>) =>
    loadGlobal({ file: '/f' }, fakeSystem({ ...pools, ...files }));
  assert.equal(read({ '/f': `[global]\n${include}${listen}` })['admin.listen'], undefined);
  assert.equal(
    read({ '/f': `[global]\n${listen}nonsense = 1\nadmin.listen = off\n` })['admin.listen'],
    '/run/x.sock',
  );
});
