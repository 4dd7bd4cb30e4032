/**
 * Containers for tests. The images that do not depend on the sources are made once and kept below HATHI_ROOTS
 * (/var/tmp/hathi-roots, as those of scripts/debian-root.sh); each test file has a store of its own for the others.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { placeContext } from '../../scripts/package-image.ts';
import { RunningCommand } from './child.ts';
import { requires } from './debian.ts';
import { checkout, TestFolder } from './folder.ts';
import { run } from './server.ts';
import { poll } from './waiting.ts';

/** Why containers cannot be used here, as far as packages and rights tell. */
export const missingForContainers = requires('root', 'podman', 'buildah', 'runc', 'mmdebstrap');

/** Release of Debian in the containers; that of the image. */
const release = 'bookworm';
const folder = join(process.env['HATHI_ROOTS'] || '/var/tmp/hathi-roots', 'containers');
const baseTag = `localhost/hathi-base:${release}`;

/** Options of podman and buildah: the place of images, and of what runs. */
type Place = readonly string[];

const sharedPlace: Place = [
  ...['--root', join(folder, 'images'), '--runroot', join(folder, 'run')],
  ...['--storage-driver', 'overlay'],
];

/** A build here needs no runtime, and has the machine's network. */
const buildOptions = ['--isolation', 'chroot', '--network', 'host', '--layers'];

/** Arguments of a build of deploy/image. */
function build(place: Place, context: string, ...more: readonly string[]): string[] {
  const file = join(checkout, 'deploy/image/Containerfile');
  return [...place, 'build', ...buildOptions, '--build-arg', `BASE=${baseTag}`, '-f', file, ...more, context];
}

/**
 * Makes what is missing of the images that are kept: Debian itself, from the machine's own mirrors, and the stages of
 * the Containerfile that only install packages. Takes minutes the first time.
 *
 * @param say tells a person what takes so long
 * @returns why it is impossible; undefined when they are there
 */
export function prepareImages(say: (text: string) => void): string | undefined {
  if (missingForContainers !== false) return missingForContainers;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(folder);
  if (uid !== 0 || (mode & 0o022) !== 0) return `"${folder}" is not root's alone: remove it`;
  const lock = openSync(join(folder, 'lock'), 'w');
  try {
    // Of several suites at a time one makes them. The lock is that of the descriptor, which ends with this process.
    execFileSync('flock', ['3'], { stdio: ['ignore', 'ignore', 'ignore', lock] });
    makeBase(say);
    using context = new TestFolder('hathi-image-empty-');
    for (const stage of ['compiler', 'php']) {
      if (!isThere(`localhost/hathi-${stage}`)) say(`image: installing packages for the stage "${stage}"`);
      tool('buildah', build(sharedPlace, context.path, '--target', stage, '-t', `localhost/hathi-${stage}`));
    }
    return undefined;
  } catch (error) {
    return `cannot make the images: ${(error as Error).message}`;
  } finally {
    closeSync(lock);
  }
}

function isThere(tag: string): boolean {
  return spawnSync('podman', [...sharedPlace, 'image', 'exists', tag], { stdio: 'ignore' }).status === 0;
}

/** Debian without what a container does not need, as its own image is. */
function makeBase(say: (text: string) => void): void {
  if (isThere(baseTag)) return;
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
  tool('podman', [...sharedPlace, 'import', '--quiet', archive, baseTag]);
  rmSync(archive);
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

  /** @param path of a store with the tested image; without it the image is built into a new one */
  constructor(path?: string) {
    this.#own = path === undefined ? new TestFolder('hathi-c-') : undefined;
    this.path = path ?? this.#own?.path ?? '';
    this.#place = [
      ...['--root', join(this.path, 'images'), '--runroot', join(this.path, 'run')],
      ...['--storage-driver', 'overlay', '--storage-opt', `overlay.imagestore=${join(folder, 'images')}`],
    ];
    if (path !== undefined) return;
    using context = new TestFolder('hathi-image-');
    placeContext(context.path);
    tool('buildah', build(this.#place, context.path, '-t', testedImage));
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
    // A store keeps its folder mounted onto itself (proc_pid_mountinfo(5)), and a killed builder what it had mounted there.
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    const mounts = lines
      .map((line) => line.split(' ')[4] ?? '')
      .filter((at) => at.startsWith(`${this.path}/`));
    for (const mount of mounts.reverse()) spawnSync('umount', [mount], { stdio: 'ignore' });
    this.#own[Symbol.dispose]();
  }
}

/** The store with the tested image: that of the run, else one of this file's own; or the reason to skip. */
export function openStore(): ContainerStore | string {
  const { HATHI_TEST_IMAGES: given, HATHI_TEST_IMAGES_MISSING: missing } = process.env;
  if (missing !== undefined) return missing;
  if (given !== undefined) return new ContainerStore(given);
  return prepareImages(() => {}) ?? new ContainerStore();
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
