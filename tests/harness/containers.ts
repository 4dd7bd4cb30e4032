/**
 * Containers for tests. The images that do not depend on the sources are made once and kept below HATHI_ROOTS
 * (/var/tmp/hathi-roots, as those of scripts/debian-root.sh); each test file has a store of its own for the others.
 *
 * By default they are made of this machine's packages, and the engine in the image is the one that the tests have built: no
 * download, and ten seconds. HATHI_TEST_IMAGE=debian makes them as everybody else does: a Debian of its mirrors, whose
 * packages apt-get installs, and an engine that is compiled in the container.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, cpSync, lstatSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { placeContext } from '../../scripts/package-image.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { RunningCommand } from './child.ts';
import { requires, testedPhp } from './debian.ts';
import { checkout, TestFolder } from './folder.ts';
import { DebianOfPackages } from './installed-packages.ts';
import { type CommandResult, run } from './server.ts';
import { poll } from './waiting.ts';

/** Whether images are made as everybody else makes them. */
export const isFresh = process.env['HATHI_TEST_IMAGE'] === 'debian';

/** Why containers cannot be used here, as far as packages and rights tell. */
function missingForContainers(): string | false {
  const missing = requires('root', 'podman', 'runc');
  if (missing !== false) return missing;
  if (isFresh) return requires('mmdebstrap');
  return (
    requires('php-cli', 'php-dev', 'php-curl', 'php-mbstring', 'php-sqlite3', 'php-xml') || nativeBuild().skip
  );
}

/** Release of Debian in the containers that are made of its mirrors; that of the image. */
const release = 'bookworm';
const folder = join(process.env['HATHI_ROOTS'] || '/var/tmp/hathi-roots', 'containers');

/** Options of podman: the place of images, and of what runs. */
type Place = readonly string[];

const sharedPlace: Place = [
  ...['--root', join(folder, 'images'), '--runroot', join(folder, 'run')],
  ...['--storage-driver', 'overlay'],
];

/** Below the image: for PHP, and for the compiler. */
interface Bases {
  readonly php: string;
  readonly compiler: string;
}

/** Arguments of a build, which needs no runtime here, and has the machine's network. */
function build(place: Place, context: string, ...more: readonly string[]): string[] {
  const options = ['--isolation', 'chroot', '--network', 'host', '--layers', '--pull=never'];
  return [...place, 'build', ...options, ...more, context];
}

/** The same for deploy/image. */
function buildImage(place: Place, context: string, bases: Bases, ...more: readonly string[]): string[] {
  const given = { BASE: bases.php, COMPILER: bases.compiler, PHP: isFresh ? '8.2' : testedPhp };
  const args = Object.entries(given).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  const file = join(checkout, 'deploy/image/Containerfile');
  return build(place, context, ...args, '-f', file, ...more);
}

/**
 * Makes what is missing of the images that are kept.
 *
 * @param say tells a person what takes so long
 * @returns what an image is built on, or why that is impossible
 */
export function prepareImages(say: (text: string) => void): Bases | string {
  const missing = missingForContainers();
  if (missing !== false) return missing;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(folder);
  if (uid !== 0 || (mode & 0o022) !== 0) return `"${folder}" is not root's alone: remove it`;
  const lock = openSync(join(folder, 'lock'), 'w');
  try {
    // Of several suites at a time one makes them. The lock is that of the descriptor, which ends with this process.
    execFileSync('flock', ['3'], { stdio: ['ignore', 'ignore', 'ignore', lock] });
    return isFresh ? debianOfMirrors(say) : debianOfMachine();
  } catch (error) {
    return `cannot make the images: ${(error as Error).message}`;
  } finally {
    closeSync(lock);
  }
}

function isThere(tag: string): boolean {
  return spawnSync('podman', [...sharedPlace, 'image', 'exists', tag], { stdio: 'ignore' }).status === 0;
}

/** Packages that deploy/image has; the compiler without its parts, since the engine is there. */
function debianOfMachine(): Bases {
  const parts = ['cli', 'curl', 'mbstring', 'opcache', 'sqlite3', 'xml'].map(
    (name) => `php${testedPhp}-${name}`,
  );
  const wanted = ['ca-certificates', 'libatomic1', ...parts];
  const [php, compiler] = [[], ['gcc', 'libc6-dev', `php${testedPhp}-dev`]].map(
    (alone) => new DebianOfPackages(wanted, alone),
  ) as [DebianOfPackages, DebianOfPackages];
  const tag = createHash('sha256').update(compiler.contents).digest('hex').slice(0, 12);
  const bases = { php: `localhost/hathi-base:${tag}`, compiler: `localhost/hathi-compiler:${tag}` };
  if (isThere(bases.compiler)) return bases;
  // Those of packages that have been upgraded since.
  for (const old of images().filter((name) => /\/hathi-(?:base|compiler):[0-9a-f]{12}$/.test(name)))
    spawnSync('podman', [...sharedPlace, 'rmi', '--force', old], { stdio: 'ignore' });
  using context = new TestFolder('hathi-debian-');
  php.archive(context.join('base.tar'));
  tool('podman', [...sharedPlace, 'import', '--quiet', context.join('base.tar'), bases.php]);
  rmSync(context.join('base.tar'));
  compiler.archive(context.join('compiler.tar'), php);
  const file = context.write('Containerfile', `FROM ${bases.php}\nADD compiler.tar /\n`);
  tool('podman', build(sharedPlace, context.path, '-f', file, '-t', bases.compiler));
  return bases;
}

function images(): string[] {
  const list = ['images', '--format', '{{.Repository}}:{{.Tag}}'];
  return tool('podman', [...sharedPlace, ...list]).split('\n');
}

/** Takes minutes the first time: Debian itself, and the stages of the Containerfile that only install packages. */
function debianOfMirrors(say: (text: string) => void): Bases {
  const tag = `localhost/hathi-base:${release}`;
  const bases = { php: tag, compiler: tag };
  makeBase(say, tag);
  using context = new TestFolder('hathi-image-empty-');
  for (const stage of ['compiler', 'php']) {
    if (!isThere(`localhost/hathi-${stage}`)) say(`image: installing packages for the stage "${stage}"`);
    const target = ['--target', stage, '-t', `localhost/hathi-${stage}`];
    tool('podman', buildImage(sharedPlace, context.path, bases, ...target));
  }
  return bases;
}

/** Debian without what a container does not need, as its own image is. */
function makeBase(say: (text: string) => void, tag: string): void {
  if (isThere(tag)) return;
  say('image: making a Debian of packages, once');
  const archive = join(folder, 'base.tar');
  const excluded = ['doc', 'man', 'locale', 'info'].map((name) => `path-exclude=/usr/share/${name}/*`);
  const options = ['force-unsafe-io', ...excluded].map((option) => `--dpkgopt=${option}`);
  const format = 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)';
  const mirrors = execFileSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  })
    .split('\n')
    .filter((line) => line.includes(` ${release}`));
  tool('mmdebstrap', ['--variant=minbase', ...options, release, archive, ...mirrors]);
  tool('podman', [...sharedPlace, 'import', '--quiet', archive, tag]);
  rmSync(archive);
}

/** The compiler's image with the engine of the tests, which `hathi build` then finds up to date. */
function withEngine(place: Place, compiler: string): string {
  using context = new TestFolder('hathi-engine-image-');
  cpSync(nativeBuild().folder, context.mkdir('engines'), { recursive: true });
  const file = context.write('Containerfile', `FROM ${compiler}\nCOPY engines /engines\n`);
  const tag = 'localhost/hathi-engine';
  tool('podman', build(place, context.path, '-f', file, '-t', tag));
  return tag;
}

/** @throws Error with the end of its output */
function tool(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')}: ${status}\n${`${stdout}${stderr}`.slice(-2000)}`);
  return stdout;
}

/**
 * Limits that this machine lets a container have. By default podman asks for more, which needs CAP_SYS_RESOURCE. That of
 * processes counts all of the same user on the machine.
 */
function limits(): string[] {
  return Object.entries({ nofile: ['n', 4096], nproc: ['u', 16_384] } as const).flatMap(
    ([name, [flag, wanted]]) => {
      const hard = execFileSync('/bin/bash', ['-c', `ulimit -H${flag}`], { encoding: 'utf8' }).trim();
      const limit = hard === 'unlimited' ? wanted : Math.min(wanted, Number(hard));
      return ['--ulimit', `${name}=${limit}:${limit}`];
    },
  );
}

/** The image of this checkout's deploy/image. */
export const testedImage = 'localhost/hathi-tested';

/** A store for images and containers of a run of the suite, over the shared one. */
export class ContainerStore implements Disposable {
  readonly #own: TestFolder | undefined;
  readonly path: string;
  readonly #place: Place;
  readonly #limits = limits();

  /** @param from path of a store with the tested image, or what it is built on, into a new one */
  constructor(from: string | Bases) {
    this.#own = typeof from === 'string' ? undefined : new TestFolder('hathi-c-');
    this.path = this.#own?.path ?? String(from);
    this.#place = [
      ...['--root', join(this.path, 'images'), '--runroot', join(this.path, 'run')],
      ...['--storage-driver', 'overlay', '--storage-opt', `overlay.imagestore=${join(folder, 'images')}`],
    ];
    if (typeof from === 'string') return;
    using context = new TestFolder('hathi-image-');
    placeContext(context.path);
    const compiler = isFresh ? from.compiler : withEngine(this.#place, from.compiler);
    tool('podman', buildImage(this.#place, context.path, { ...from, compiler }, '-t', testedImage));
  }

  /** Arguments of a podman command for this store. */
  podman(...args: readonly string[]): string[] {
    return [...this.#place, '--runtime', 'runc', ...args];
  }

  /** Arguments for podman to run a container without a network of the machine's. */
  runArguments(name: string, ...args: readonly string[]): string[] {
    return this.podman('run', '--rm', '--name', name, '--network', 'none', ...this.#limits, ...args);
  }

  [Symbol.dispose](): void {
    if (this.#own === undefined) return;
    spawnSync('podman', this.podman('rm', '--all', '--force', '--time', '0'), { stdio: 'ignore' });
    unmountBelow(this.path);
    this.#own[Symbol.dispose]();
  }
}

/** A store keeps its folder mounted onto itself (proc_pid_mountinfo(5)), and a killed builder what it had mounted there. */
function unmountBelow(path: string): void {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const mounts = lines.map((line) => line.split(' ')[4] ?? '').filter((at) => at.startsWith(`${path}/`));
  for (const mount of mounts.reverse()) spawnSync('umount', [mount], { stdio: 'ignore' });
}

/**
 * For a program that runs podman by itself: the files that make that work in a folder, with the kept images. Source:
 * containers.conf(5), containers-storage.conf(5), buildah-build(1).
 */
export class PodmanEnvironment implements Disposable {
  readonly variables: NodeJS.ProcessEnv;
  readonly #folder: TestFolder;

  constructor() {
    this.#folder = new TestFolder('hathi-p-');
    const engine = '[containers]\ndefault_ulimits = []\nnetns = "host"\n[engine]\nruntime = "runc"\n';
    const [graph, running] = [this.#folder.join('images'), this.#folder.join('run')];
    const storage = `[storage]\ndriver = "overlay"\ngraphroot = "${graph}"\nrunroot = "${running}"
[storage.options]\nadditionalimagestores = ["${join(folder, 'images')}"]\n`;
    this.variables = {
      CONTAINERS_CONF: this.#folder.write('containers.conf', engine),
      CONTAINERS_STORAGE_CONF: this.#folder.write('storage.conf', storage),
      BUILDAH_ISOLATION: 'chroot',
    };
  }

  [Symbol.dispose](): void {
    unmountBelow(this.#folder.path);
    this.#folder[Symbol.dispose]();
  }
}

/** The store with the tested image: that of the run, else one of this file's own; or the reason to skip. */
export function openStore(): ContainerStore | string {
  const { HATHI_TEST_IMAGES: given, HATHI_TEST_IMAGES_MISSING: missing } = process.env;
  if (missing !== undefined) return missing;
  if (given !== undefined) return new ContainerStore(given);
  const prepared = prepareImages(() => {});
  return typeof prepared === 'string' ? prepared : new ContainerStore(prepared);
}

/** A container that runs, its output as lines, and its ports as sockets. */
export class Container implements AsyncDisposable {
  readonly command: RunningCommand;
  readonly #store: ContainerStore;
  readonly #name: string;
  readonly #folder = new TestFolder('hathi-relay-');
  #relay: RunningCommand | undefined;

  constructor(store: ContainerStore, name: string, ...args: readonly string[]) {
    this.#store = store;
    this.#name = name;
    const words = store.runArguments(name, '--sig-proxy=false', ...args);
    this.command = new RunningCommand('podman', words, { env: process.env });
  }

  /** Pid of the container's first process, on this machine. */
  pid(): Promise<number> {
    return poll(`container ${this.#name}`, async () => {
      const { code, stdout } = await run(
        'podman',
        this.#store.podman('inspect', '--format', '{{.State.Pid}}', this.#name),
      );
      return (code === 0 && Number(stdout)) || undefined;
    });
  }

  /**
   * Runs a command in it with the image's environment, as `podman exec` does, which needs more rights than this machine may
   * give.
   */
  async run(user: number, ...command: readonly string[]): Promise<CommandResult> {
    const format = '{{range .Config.Env}}{{println .}}{{end}}';
    const { stdout } = await run('podman', this.#store.podman('inspect', '--format', format, this.#name));
    const pid = String(await this.pid());
    const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--root', '--wd'];
    const rights = ['--setuid', String(user), '--setgid', '0'];
    const environment = ['env', '-i', ...stdout.trim().split('\n')];
    return run('nsenter', ['--target', pid, ...namespaces, ...rights, ...environment, ...command], {
      cap: 60_000,
    });
  }

  /** A file of it, for this process. */
  async path(inside: string): Promise<string> {
    return `/proc/${await this.pid()}/root${inside}`;
  }

  /** Forwards Unix sockets to ports of the container's loopback. @returns the socket of each port */
  async open(...ports: readonly number[]): Promise<readonly string[]> {
    const sockets = ports.map((port) => this.#folder.join(String(port)));
    const pairs = ports.flatMap((port, index) => [sockets[index] ?? '', String(port)]);
    const relay = join(checkout, 'tests/harness/relay.ts');
    const args = ['--net', '--target', String(await this.pid()), process.execPath, relay, ...pairs];
    this.#relay = new RunningCommand('nsenter', args, { env: process.env });
    await this.#relay.says(/^open$/);
    return sockets;
  }

  /** A podman command about it. */
  async podman(command: string, ...args: readonly string[]): Promise<void> {
    const words = this.#store.podman(command, ...args, this.#name);
    const { code, stderr } = await run('podman', words, { cap: 60_000 });
    if (code !== 0) throw new Error(`podman ${command}: ${code}\n${stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('podman', this.#store.podman('rm', '--force', '--time', '0', this.#name));
    await this.command[Symbol.asyncDispose]();
    await this.#relay?.[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}
