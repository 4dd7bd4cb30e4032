/** The same requests to PHP-FPM and to the native engine: every byte of the answers must be equal. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { ReferenceFpm } from '../differential/reference-fpm.ts';
import { FakeMaster } from '../embedded/fake-master.ts';
import { askOnce, type PlainRequest, type PlainResponse } from '../engine/plain-fastcgi.ts';
import { scriptRows } from '../engine/script-rows.ts';
import { requires } from '../harness/debian.ts';
import { isRoot } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';
import { cases, type RequestCase, scripts } from './cases.ts';
import { identity } from './identity.ts';

const { command, skip } = nativeBuild();
const poolLines = [
  'ping.path = /ping',
  'env[OWN] = value',
  'php_value[precision] = 13',
  'php_admin_value[memory_limit] = 66M',
  'php_value[date.timezone] = Europe/Rome',
  'php_admin_value[disable_functions] = gethostname',
  // Files are read for each request.
  'php_admin_value[user_ini.cache_ttl] = -5',
];
const settings: readonly (readonly [string, string])[] = [
  ['ping.path', '/ping'],
  ['env', 'OWN=value'],
  ['php_value', 'precision=13'],
  ['php_admin_value', 'register_argc_argv=0'],
  ['php_admin_value', 'memory_limit=66M'],
  ['php_value', 'date.timezone=Europe/Rome'],
  ['php_admin_value', 'disable_functions=gethostname'],
  ['php_admin_value', 'user_ini.cache_ttl=-5'],
];

/** A worker that retires after a fatal error is made anew, as the master does it. */
async function replaceWorkers(master: FakeMaster): Promise<never> {
  for (;;) {
    await master.next(({ type }) => type === 'ended', 'the end of a worker', 2 ** 30);
    master.send(['worker', '0']);
  }
}

suite('native engine beside PHP-FPM', { skip: skip || requires('php-fpm') }, () => {
  let reference: ReferenceFpm;
  let master: FakeMaster;

  before(async () => {
    reference = await ReferenceFpm.start(poolLines);
    for (const [file, text] of Object.entries(scripts)) reference.folder.write(file, text);
    reference.folder.write('secret.php', '<?php echo "secret";', 0o000);
    chmodSync(reference.folder.mkdir('out'), 0o777);
    master = await FakeMaster.serving({ command, slots: 1, settings: [...settings, ...identity()] });
    void replaceWorkers(master);
  });
  after(async () => {
    await master?.[Symbol.asyncDispose]();
    await reference?.[Symbol.asyncDispose]();
  });

  const ours = (request: PlainRequest): Promise<PlainResponse> => master.ask(request);

  async function compare(request: PlainRequest): Promise<void> {
    const theirs = await askOnce({ path: reference.socket }, request);
    assert.deepEqual(await ours(request), theirs);
  }

  const requestOf = ({ script, params, body }: RequestCase): PlainRequest => {
    const all = {
      REQUEST_METHOD: 'GET',
      SCRIPT_FILENAME: reference.folder.join(script),
      SCRIPT_NAME: `/${script}`,
      REQUEST_URI: `/${script}`,
      DOCUMENT_ROOT: reference.folder.path,
      SERVER_NAME: 'Example.org',
      SERVER_PROTOCOL: 'HTTP/1.1',
      QUERY_STRING: '',
      ...(body === undefined ? {} : { CONTENT_LENGTH: String(body.length) }),
      ...params,
    };
    const request = { params: Object.entries(all) };
    return body === undefined ? request : { ...request, body: Buffer.from(body, 'latin1') };
  };

  for (const row of cases) test(row.name, () => compare(requestOf(row)));

  for (const row of scriptRows) {
    test(`variables: ${row.name}`, async () => {
      const params = row.params.map(
        ([name, value]) => [name, value.replaceAll('W', reference.folder.path)] as const,
      );
      await compare({ params: [['REQUEST_METHOD', 'GET'], ...params] });
      await compare({ params });
    });
  }

  test('.user.ini: which folders count, with links in either path', async () => {
    const { folder } = reference;
    const show =
      '<?php echo json_encode(array_map("ini_get", ["highlight.string", "highlight.comment", "highlight.keyword"]));';
    const files = {
      'links/real': 'highlight.string = "#111"',
      'links/real/sub': 'highlight.comment = "#777"',
      'links/real/sub/deep': 'highlight.keyword = "#999"',
      'links/other': 'highlight.comment = "#555"',
      'links/realmore': '',
    };
    for (const [place, text] of Object.entries(files)) {
      folder.write(`${place}/.user.ini`, `${text}\n`);
      folder.write(`${place}/show.php`, show);
    }
    for (const [link, target] of [
      ['link', 'real'],
      ['real/linksub', 'sub'],
      ['real/outside', '../other'],
    ] as const)
      symlinkSync(target, folder.join('links', link));
    const under = (path: string): string => folder.join('links', path);
    const roots = [
      ...['real', 'link', 'real/', 'link//', 'real/sub', 'link/linksub', 'nowhere', 'real/../real'].map(
        under,
      ),
      ...['', '/', 'relative', undefined],
    ];
    const places = ['', 'sub/', 'sub/deep/', 'linksub/deep/', 'outside/', '/sub/', './sub/', 'sub/../sub/'];
    const scripts = [
      ...places.flatMap((place) => [`real/${place}show.php`, `link/${place}show.php`]),
      ...['other/show.php', 'realmore/show.php'],
    ].map(under);
    for (const root of roots) {
      for (const script of scripts) {
        const params: [string, string][] = [
          ['REQUEST_METHOD', 'GET'],
          ['SCRIPT_FILENAME', script],
          ['SCRIPT_NAME', '/show.php'],
          ...(root === undefined ? [] : ([['DOCUMENT_ROOT', root]] as [string, string][])),
        ];
        const theirs = await askOnce({ path: reference.socket }, { params });
        assert.equal((await ours({ params })).body, theirs.body, `DOCUMENT_ROOT=${root}, script ${script}`);
      }
    }
  });

  test('after fastcgi_finish_request() a script ends at its next output that is flushed', async () => {
    const ask = (name: string): PlainRequest =>
      requestOf({ name, script: 'finish-flush.php', params: { QUERY_STRING: `n=${name}` } });
    const step = (name: string): string => readFileSync(reference.folder.join('out', name), 'utf8');
    const theirs = await askOnce({ path: reference.socket }, ask('theirs'));
    assert.deepEqual(await ours(ask('ours')), theirs);
    const isOver = (name: string): boolean => existsSync(reference.folder.join('out', `${name}.over`));
    await poll('the end of both scripts', () => (isOver('ours') && isOver('theirs')) || undefined);
    assert.deepEqual([step('ours'), step('theirs')], ['1', '1']);
  });

  test('user and groups of the workers', { skip: isRoot ? false : 'needs root' }, async () => {
    const text =
      '<?php preg_match_all("/^(Uid|Gid|Groups|CapEff):.*/m", file_get_contents("/proc/self/status"), $m); echo implode($m[0]);';
    reference.folder.write('who.php', text);
    await compare(requestOf({ name: '', script: 'who.php' }));
    assert.match(
      (await ours(requestOf({ name: '', script: 'who.php' }))).body,
      /^Uid:\t33\t33\t33\t33Gid:\t33/,
    );
  });

  test('what PHP_VALUE sets is gone with its request, on purpose other than in PHP-FPM', async () => {
    const set = { PHP_VALUE: 'precision=4', PHP_ADMIN_VALUE: 'memory_limit=44M' };
    const precision = async (params?: Record<string, string>): Promise<unknown> =>
      JSON.parse(
        (await ours(requestOf({ name: '', script: 'sub/user.php', ...(params && { params }) }))).body,
      );
    const before = await precision();
    await ours(requestOf({ name: '', script: 'ini.php', params: set }));
    assert.deepEqual(await precision(), before);
  });
});
