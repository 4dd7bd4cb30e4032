/**
 * Makes a release: `npm run release -- 0.2.0`. It dates the changelog's section, sets the version, puts tarball, .deb,
 * image (where podman is), bill of materials and checksums into dist-release/, then commits and tags. Nothing is
 * published. With --dry-run it checks everything and changes nothing. The same commit gives the same tarball, and the
 * same .deb on the same machine: times are those of the commit before (SOURCE_DATE_EPOCH, reproducible-builds.org).
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { debianDependencies, makePackage } from './package-deb.ts';
import { buildImage, findTool, withContext } from './package-image.ts';
import { root } from './program-folder.ts';
import { notesOf, released } from './release-changelog.ts';
import { type Bom, billOfMaterials, type DebianPackage } from './release-sbom.ts';

const usage = `Usage: npm run release -- VERSION [--dry-run] [--no-image] [--out FOLDER]

  --dry-run   checks only
  --no-image  no container image
  --out       default: dist-release
`;

/** Files that a release changes. */
const changed = ['CHANGELOG.md', 'package.json', 'package-lock.json'] as const;

interface Options {
  readonly version: string;
  readonly out: string;
  readonly isDry: boolean;
  readonly hasImage: boolean;
  /** For tests: a build of the native engine, and the compression. */
  readonly engine: string | undefined;
  readonly level: string;
  readonly base: string | undefined;
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Everything that can be known before. @returns the texts of the changed files. @throws Error with the first reason */
function check({ version }: Options): Record<(typeof changed)[number], string> {
  if (!/^\d+\.\d+\.\d+$/.test(version))
    throw new Error(`"${version}" is not a version: it must be like 1.2.3`);
  const dirty = git('status', '--porcelain');
  if (dirty !== '')
    throw new Error(
      `the checkout has changes that are not committed:\n${dirty}\nCommit or stash them first.`,
    );
  if (git('tag', '--list', `v${version}`) !== '')
    throw new Error(`the tag "v${version}" exists already: release the next version`);
  const read = (name: string): string => readFileSync(join(root, name), 'utf8');
  return {
    'CHANGELOG.md': released(read('CHANGELOG.md'), version, dateOf(Date.now())),
    'package.json': withVersion(read('package.json'), version),
    'package-lock.json': withVersion(read('package-lock.json'), version),
  };
}

function dateOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function withVersion(text: string, version: string): string {
  const data = JSON.parse(text) as { version: string; packages?: { '': { version: string } } };
  data.version = version;
  if (data.packages !== undefined) data.packages[''].version = version;
  return `${JSON.stringify(data, undefined, 2)}\n`;
}

function release(options: Options): void {
  const texts = check(options);
  if (options.isDry) {
    const notes = notesOf(texts['CHANGELOG.md'], options.version);
    console.log(`${options.version} can be released. Its notes have ${notes.split('\n').length} lines.`);
    return;
  }
  const before = git('log', '-1', '--format=%ct');
  process.env['SOURCE_DATE_EPOCH'] = before;
  try {
    for (const name of changed) writeFileSync(join(root, name), texts[name]);
    makeFiles(options, new Date(Number(before) * 1000).toISOString());
  } catch (error) {
    git('checkout', '--', ...changed);
    throw error;
  }
  git('commit', '--quiet', '-m', `Release ${options.version}`, '--', ...changed);
  git('tag', '-a', `v${options.version}`, '-m', `Hathi ${options.version}`);
  console.log(
    `Committed and tagged as v${options.version}. To publish: git push --follow-tags, and ${options.out}/`,
  );
}

function makeFiles({ version, out, hasImage, engine, level, base }: Options, at: string): void {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  execFileSync('npm', ['pack', '--silent', '--pack-destination', out], {
    cwd: root,
    stdio: ['ignore', 'ignore', 2],
  });
  makePackage({ out, level, engine });
  const image = hasImage ? makeImage(join(out, `hathi-${version}-image.tar`), version, base) : [];
  const npm = execFileSync(
    'npm',
    ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  const parts = { version, node: process.versions.node, wanted: debianDependencies, image, at };
  const bom = billOfMaterials(JSON.parse(npm) as Bom, parts);
  writeFileSync(join(out, `hathi-${version}.cdx.json`), `${JSON.stringify(bom, undefined, 2)}\n`);
  const sums = readdirSync(out)
    .sort()
    .map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(out, name)))
          .digest('hex')}  ${name}\n`,
    );
  writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
}

/** @returns the Debian packages in it; empty without podman, which is said */
function makeImage(file: string, version: string, base: string | undefined): DebianPackage[] {
  const tool = findTool();
  if (tool !== 'podman') {
    console.log('No image: podman is not installed.');
    return [];
  }
  const tag = `localhost/hathi:${version}`;
  withContext((context) =>
    buildImage(context, {
      tag,
      base,
      tool: [tool],
      options: ['--timestamp', process.env['SOURCE_DATE_EPOCH'] ?? '0'],
    }),
  );
  const podman = (...args: readonly string[]): string =>
    execFileSync(tool, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 2] });
  podman('save', '--format', 'oci-archive', '--output', file, tag);
  // As it prints by itself: `libc6:amd64`, a tab, the version.
  return podman('run', '--rm', '--network', 'none', tag, 'dpkg-query', '--show')
    .trim()
    .split('\n')
    .map((line) => {
      const [whole = '', version = ''] = line.split('\t');
      const [name = '', architecture = ''] = whole.split(':');
      return [name, version, architecture];
    });
}

function main(): number {
  const { values, positionals } = parseArgs({
    options: {
      'dry-run': { type: 'boolean', default: false },
      'no-image': { type: 'boolean', default: false },
      out: { type: 'string', default: join(root, 'dist-release') },
      engine: { type: 'string' },
      level: { type: 'string', default: '19' },
      base: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
    allowPositionals: true,
  });
  const [version] = positionals;
  if (values.help || version === undefined || positionals.length > 1) {
    (values.help ? process.stdout : process.stderr).write(usage);
    return values.help ? 0 : 64;
  }
  const { out, engine, level, base } = values;
  const [isDry, hasImage] = [values['dry-run'], !values['no-image']];
  release({ version, out, isDry, hasImage, engine, level, base });
  return 0;
}

try {
  if (spawnSync('git', ['--version']).status !== 0) throw new Error('git is not installed');
  if (!existsSync(join(root, '.git'))) throw new Error(`"${root}" is not a checkout of git`);
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`release: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
