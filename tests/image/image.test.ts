/** The container image: built from packages, without a registry, and run as a user of the official image runs it. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { after, describe, test } from 'node:test';
import { type Manifest, rendered } from '../examples/kubernetes.ts';
import { Container, type ContainerStore, testedImage as image, openStore } from '../harness/containers.ts';
import { testedPhp } from '../harness/debian.ts';
import { pageParams, request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { makeArchive } from '../harness/repack.ts';
import { run } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

const opened = openStore();

const page = `<?php
if (isset($_GET['log'])) error_log('a line of the script');
$left = isset($_GET['leave']) ? exec('sleep 0.1 >/dev/null 2>&1 & echo $!') : '';
if (isset($_GET['hold'])) {
  $mark = tempnam('/hold', 'runs');
  while (file_exists($mark)) { usleep(5000); clearstatcache(); }
}
echo json_encode([
  'uid' => posix_geteuid(),
  'memory' => ini_get('memory_limit'),
  'env' => getenv('OF_THE_CONTAINER'),
  'left' => $left,
]);`;

/** Folders of an application and its configuration, to be mounted. */
class Application {
  readonly folder: TestFolder;

  constructor(folder: TestFolder) {
    this.folder = folder;
    folder.write('app/public/index.php', page);
    folder.mkdir('hold', 0o777);
  }

  get mounts(): string[] {
    return ['-v', `${this.folder.join('app')}:/var/www/html:ro`, '-v', `${this.folder.join('hold')}:/hold`];
  }

  /** Requests that wait in the page. */
  get holding(): readonly string[] {
    return readdirSync(this.folder.join('hold'));
  }

  letGo(): void {
    for (const name of this.holding) rmSync(this.folder.join('hold', name));
  }
}

async function ask(socket: string, query = ''): Promise<Record<string, unknown>> {
  const script = '/var/www/html/public/index.php';
  const { status, body } = await request(socket, scriptParams(script, { QUERY_STRING: query }));
  assert.equal(status, 200, body.toString());
  return JSON.parse(body.toString()) as Record<string, unknown>;
}

describe('the container image', { skip: typeof opened === 'string' && opened }, () => {
  const store = opened as ContainerStore;

  after(() => store[Symbol.dispose]());

  test('has what the official one has, and neither compiler nor npm', async () => {
    const script = `set -e
      for name in gcc cc npm npx node; do ! command -v $name || exit 1; done
      php-fpm -v
      php-fpm -t
      hathi status --help >/dev/null
      echo "working in $(pwd), php.ini in $PHP_INI_DIR: $(ls $PHP_INI_DIR | tr '\\n' ' ')"
      php -m | tr '\\n' ' '
      docker-php-ext-enable opcache`;
    const args = store.runArguments('inside', image, 'sh', '-c', script);
    const { code, stdout, stderr } = await run('podman', args, { cap: 60_000 });
    assert.equal(code, 0, `${stdout}${stderr}`);
    assert.match(stdout, /^PHP \d+\.\d+\.\d+\S* \(fpm-fcgi\)/);
    assert.match(stderr, /configuration file \/usr\/local\/etc\/php-fpm\.conf test is successful/);
    assert.match(
      stdout,
      /working in \/var\/www\/html, .*conf\.d php\.ini-development php\.ini-production \n/,
    );
    for (const name of ['curl', 'mbstring', 'pdo_sqlite', 'SimpleXML', 'sodium', 'Zend OPcache'])
      assert.ok(stdout.includes(` ${name} `), name);
  });

  test("installs extensions by the official image's commands, and tells what it cannot", async () => {
    using folder = new TestFolder('hathi-archive-');
    makeArchive(folder, 'archive', `php${testedPhp}-igbinary`);
    const sources = folder.write('sources', 'deb [trusted=yes] file:/archive ./\n');
    const script = `
      try() { echo "== $*"; "$@" 2>&1 || echo "code $?"; }
      try docker-php-source extract
      try docker-php-ext-configure gd --with-jpeg
      try docker-php-ext-install -j8 opcache PDO_sqlite
      try docker-php-ext-enable igbinary
      try docker-php-ext-install nosuch igbinary
      try pecl channel-update pecl.php.net
      try pecl install https://example.org/x.tgz
      try pecl install igbinary-9.9.9
      try docker-php-ext-enable igbinary.so pcre
      php -r 'echo extension_loaded("igbinary") ? "loaded" : "missing", "\n";'
      php-fpm -m | grep igbinary`;
    const mounts = [
      '-v',
      `${folder.join('archive')}:/archive:ro`,
      '-v',
      `${sources}:/etc/apt/sources.list:ro`,
    ];
    const args = store.runArguments('extensions', ...mounts, image, 'sh', '-c', script);
    const { stdout, stderr } = await run('podman', args, { cap: 60_000 });
    const [, ...parts] = stdout.split(/^== /m);
    const said = (command: string): string => parts.find((part) => part.startsWith(command)) ?? stderr;
    assert.match(
      said('docker-php-ext-install -j8'),
      /: opcache is there already\n.*: PDO_sqlite is there already\n$/,
    );
    assert.match(said('docker-php-ext-enable igbinary\n'), /there is no extension "igbinary".*\ncode 1\n$/);
    assert.match(
      said('docker-php-ext-install nosuch'),
      /Debian has no package for PHP [\d.]+ with: nosuch\..*\ncode 1\n$/,
    );
    assert.match(said('pecl install https:'), /would have to be compiled.*\ncode 1\n$/);
    assert.match(
      said('pecl install igbinary'),
      /Debian's version is taken, and not 9\.9\.9\n.*Setting up php[\d.]+-igbinary/s,
    );
    assert.match(said('docker-php-ext-enable igbinary.so'), /^[^\n]*\nloaded\nigbinary\n$/, stdout);
  });

  test('serves at 9000 by files in php-fpm.d and conf.d, logs to stderr, and finishes requests at QUIT', async () => {
    using folder = new TestFolder('hathi-app-');
    const app = new Application(folder);
    const pool = folder.write('pool.conf', '[www]\nping.path = /ping\npm.status_path = /status\n');
    const ini = folder.write('custom.ini', 'memory_limit = 77M\n');
    await using container = new Container(
      store,
      'served',
      ...app.mounts,
      ...['-v', `${pool}:/usr/local/etc/php-fpm.d/zz-pool.conf:ro`, '-e', 'OF_THE_CONTAINER=yes'],
      ...['-v', `${ini}:/usr/local/etc/php/conf.d/custom.ini:ro`, image],
    );
    const { stderr, stdout } = container.command;
    await stderr.waitFor(/ready to handle connections/, 0, 60_000);
    const [socket = ''] = await container.open(9000);
    assert.deepEqual(await ask(socket, 'log=1'), { uid: 33, memory: '77M', env: 'yes', left: '' });
    await stderr.waitFor(/^NOTICE: PHP message: a line of the script$/);
    await stderr.waitFor(/"GET \/index\.php" 200/);
    assert.equal((await request(socket, pageParams('/ping'))).body.toString(), 'pong');
    assert.match((await request(socket, pageParams('/status'))).body.toString(), /^pool: +www$/m);

    const status = await container.run(0, 'hathi', 'status');
    assert.equal(status.code, 0, status.stderr);
    assert.match(status.stdout, /^www /m);

    // The first process of a container has to wait for what scripts leave behind.
    const { left } = await ask(socket, 'leave=1');
    assert.match(`${left}`, /^\d+$/);
    const entry = await container.path(`/proc/${left}`);
    await poll('its end, waited for', () => !existsSync(entry) || undefined);

    const held = ask(socket, 'hold=1');
    await poll('the request', () => app.holding.length === 1 || undefined);
    const stopped = container.podman('stop', '--time', '60');
    await stderr.waitFor(/Finishing/, 0, 30_000);
    app.letGo();
    assert.equal((await held)['uid'], 33);
    await stopped;
    assert.equal(await container.command.ended(), 0);
    assert.equal(stdout.text(), '');
  });

  test('runs as any user on a root that is read only, and finishes requests at TERM', async () => {
    using folder = new TestFolder('hathi-app-');
    const app = new Application(folder);
    await using container = new Container(
      store,
      'anybody',
      ...['--user', '54321:0', '--read-only', '--read-only-tmpfs=false', '--cap-drop', 'all'],
      // OPcache has a lock file there, also under PHP-FPM.
      ...['--tmpfs', '/tmp'],
      ...app.mounts,
      image,
    );
    const { stderr } = container.command;
    await stderr.waitFor(/ready to handle connections/, 0, 60_000);
    const [socket = ''] = await container.open(9000);
    assert.equal((await ask(socket))['uid'], 54_321);
    const held = ask(socket, 'hold=1');
    await poll('the request', () => app.holding.length === 1 || undefined);
    await container.podman('kill', '--signal', 'TERM');
    await stderr.waitFor(/Finishing|Terminating/, 0, 30_000);
    app.letGo();
    assert.equal((await held)['uid'], 54_321);
    assert.equal(await container.command.ended(), 0);
  });

  test('lives in a pod of deploy/kubernetes: starts, is ready, is told to go, drains, ends', async () => {
    const { podSpec, files } = podOf(await rendered('base'));
    const [{ args, startupProbe, livenessProbe, readinessProbe, securityContext }] = podSpec.containers;
    const { runAsUser, runAsGroup } = podSpec.securityContext;
    assert.equal(securityContext.readOnlyRootFilesystem, true);
    using folder = new TestFolder('hathi-app-');
    const app = new Application(folder);
    for (const [name, text] of Object.entries(files)) folder.write(`etc/${name}`, text);
    await using container = new Container(
      store,
      'pod',
      ...['--user', `${runAsUser}:${runAsGroup}`, '--read-only', '--read-only-tmpfs=false'],
      ...['--cap-drop', 'all', '--security-opt', 'no-new-privileges'],
      ...['--tmpfs', '/run/hathi:mode=1777', '--tmpfs', '/tmp'],
      ...['-v', `${folder.join('etc')}:/etc/hathi:ro`, ...app.mounts, image, ...args],
    );
    const [fastcgi = '', metrics = ''] = await container.open(9000, 9180);
    const probe = ({ httpGet }: Probe) => get(metrics, httpGet.path);
    await poll('the startup probe', async () => (await probe(startupProbe)) === 200 || undefined, 30_000);
    await poll('the readiness probe', async () => (await probe(readinessProbe)) === 200 || undefined);
    const status = await container.run(runAsUser, 'hathi', 'status', '-y', '/etc/hathi/hathi.conf');
    assert.equal(status.code, 0, status.stderr);
    assert.equal(await probe(livenessProbe), 200);
    assert.equal(await get(metrics, '/scale?pool=www'), 200);

    const held = ask(fastcgi, 'hold=1');
    await poll('the request', () => app.holding.length === 1 || undefined);
    await container.podman('kill', '--signal', 'TERM');
    await poll('the end of readiness', async () => (await probe(readinessProbe)) === 503 || undefined);
    assert.equal(await probe(livenessProbe), 200, 'it is not restarted while it leaves');
    assert.equal((await ask(fastcgi))['uid'], runAsUser, 'what still comes is served');
    await container.command.stderr.waitFor(/Finishing/, 0, 30_000);
    app.letGo();
    assert.equal((await held)['uid'], runAsUser);
    assert.equal(await container.command.ended(), 0);
  });
});

interface Probe {
  readonly httpGet: { readonly path: string };
}

interface PodSpec {
  readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
  readonly containers: readonly [
    Readonly<Record<'startupProbe' | 'livenessProbe' | 'readinessProbe', Probe>> & {
      readonly args: readonly string[];
      readonly securityContext: { readonly readOnlyRootFilesystem: boolean };
    },
  ];
}

function podOf(manifests: readonly Manifest[]): {
  podSpec: PodSpec;
  files: Readonly<Record<string, string>>;
} {
  const deployment = manifests.find(({ kind }) => kind === 'Deployment');
  const map = manifests.find(({ kind, data }) => kind === 'ConfigMap' && data?.['hathi.conf'] !== undefined);
  assert.ok(deployment !== undefined && map?.data !== undefined);
  return { podSpec: (deployment.spec as { template: { spec: PodSpec } }).template.spec, files: map.data };
}

/** Status of a GET at a Unix socket; 0 without an answer. */
function get(socketPath: string, path: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const sent = httpRequest({ socketPath, path, timeout: 5000 }, (response) => {
    response.resume();
    response.on('end', () => resolve(response.statusCode ?? 0));
  });
  sent.on('error', () => resolve(0));
  sent.end();
  return promise;
}
