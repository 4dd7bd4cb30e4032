/**
 * Makes the container image of this checkout: `npm run package:image [-- --tag NAME --base IMAGE --tool podman]`. The
 * tool is podman, buildah or docker; what stands after a second `--` is for its `build`. With `--context FOLDER` only
 * the context is made, for a builder elsewhere.
 */

import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { placeProgram, readManifest, root } from './program-folder.ts';

/** The Containerfile, its files, and the program. */
export function placeContext(folder: string): void {
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, 'deploy/image'), folder, { recursive: true });
  placeProgram(join(folder, 'program'), readManifest());
}

export interface ImageOptions {
  readonly tag: string;
  /** In place of Debian's own image. */
  readonly base?: string | undefined;
  /** The program and its options before `build`, such as the place of its images. */
  readonly tool: readonly string[];
  /** Further options of `build`. */
  readonly options: readonly string[];
}

/** @throws Error when the tool fails; it has said why on stderr */
export function buildImage(context: string, { tag, base, tool, options }: ImageOptions): void {
  const [program = '', ...before] = tool;
  const args = base === undefined ? [] : ['--build-arg', `BASE=${base}`];
  const file = join(context, 'Containerfile');
  const { status, error } = spawnSync(
    program,
    [...before, 'build', '-f', file, '-t', tag, ...args, ...options, context],
    { stdio: ['ignore', 2, 2] },
  );
  if (error !== undefined) throw new Error(`cannot run "${program}": ${error.message}`);
  if (status !== 0) throw new Error(`"${program} build" ended with ${status}`);
}

/** The first of these that is installed. */
export function findTool(): string | undefined {
  return ['podman', 'buildah', 'docker'].find(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
  );
}

/** Calls back with a folder that is gone afterwards. */
export function withContext(use: (context: string) => void): void {
  const context = mkdtempSync(join(tmpdir(), 'hathi-image-'));
  try {
    chmodSync(context, 0o755);
    placeContext(context);
    use(context);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

function main(): void {
  const { values, positionals } = parseArgs({
    options: {
      tag: { type: 'string', default: `hathi:${readManifest().version}` },
      base: { type: 'string' },
      tool: { type: 'string' },
      context: { type: 'string' },
    },
    allowPositionals: true,
  });
  const { tag, base, context } = values;
  if (context !== undefined) {
    placeContext(context);
    console.log(context);
    return;
  }
  const tool = values.tool ?? findTool();
  if (tool === undefined) throw new Error('an image needs podman, buildah or docker: install one of them');
  withContext((folder) => buildImage(folder, { tag, base, tool: [tool], options: positionals }));
  console.log(tag);
}

if (import.meta.main) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`package-image: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
