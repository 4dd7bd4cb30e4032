/** Disk space of an installation: the package as npm packs it, installed without development packages. */
import { cpSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { checkout, TestFolder } from '../../tests/harness/folder.ts';
import { cleanEnv, run } from '../../tests/harness/server.ts';
import type { Figure } from '../lib/figure.ts';
import { summarize } from '../lib/statistics.ts';
import type { Workload } from '../lib/workload.ts';

const cap = 120_000;
/** Not part of what is packed, or made anew by it. */
const leftOut = ['.git', 'node_modules', 'dist', 'tests', 'bench', '.cache'];

/** npm in a folder, run by the Node that runs this, as an older one would leave out the embedded engine. */
class Npm {
  readonly #env: NodeJS.ProcessEnv;

  private constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  static async prepare(folder: TestFolder): Promise<Npm> {
    const machine = (process.env['PATH'] ?? '').split(':').filter((entry) => !entry.includes('node_modules'));
    const env = cleanEnv({ PATH: machine.join(':') });
    // npm looks for its global configuration beside its Node: it gets the path of the machine's own.
    const found = await run('npm', ['config', 'get', 'globalconfig'], { env });
    symlinkSync(process.execPath, join(folder.mkdir('path'), 'node'));
    const path = [folder.join('path'), ...machine].join(':');
    return new Npm({ ...env, PATH: path, npm_config_globalconfig: found.stdout.trim() });
  }

  async run(cwd: string, ...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await run('npm', args, { cwd, env: this.#env, cap });
    if (code !== 0) throw new Error(`npm ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  }
}

async function packagedInto(folder: TestFolder, npm: Npm): Promise<string> {
  const source = folder.mkdir('source');
  for (const name of readdirSync(checkout)) {
    if (!leftOut.includes(name)) cpSync(join(checkout, name), join(source, name), { recursive: true });
  }
  symlinkSync(join(checkout, 'node_modules'), join(source, 'node_modules'));
  await npm.run(source, 'pack', '--pack-destination', folder.path);
  const tarball = readdirSync(folder.path).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error(`npm pack left no package in "${folder.path}"`);
  return folder.join(tarball);
}

/** Megabytes (10^6 bytes) that files take on disk, as du(1) counts them. */
async function sizeOnDisk(path: string): Promise<number> {
  const { stdout } = await run('/usr/bin/du', ['-s', '--block-size=1', path]);
  return Number.parseInt(stdout, 10) / 1e6;
}

export const installSize: Workload = {
  name: 'install-size',
  title: 'Size on disk of an installation (needs the registry)',
  async measure() {
    using folder = new TestFolder('hathi-bench-');
    const npm = await Npm.prepare(folder);
    const tarball = await packagedInto(folder, npm);
    const app = folder.mkdir('app');
    await npm.run(app, 'init', '-y');
    await npm.run(app, 'install', '--omit=dev', '--no-audit', '--no-fund', tarball);
    const modules = join(app, 'node_modules');
    const figure = async (label: string, path: string): Promise<Figure> => ({
      label,
      unit: 'MB',
      hathi: summarize([await sizeOnDisk(path)]),
    });
    return [
      {
        ...(await figure('npm install without development packages', modules)),
        target: { of: 'hathi', limit: 'at most', value: 100 },
      },
      await figure('of that, the embedded PHP', join(modules, '@php-wasm')),
      await figure('of that, koffi', join(modules, 'koffi')),
      await figure('of that, Hathi itself', join(modules, 'hathi')),
    ];
  },
};
