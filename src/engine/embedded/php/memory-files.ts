/**
 * Files that are in the instance's own memory (/internal, /dev and the like), to go back to as they were after its
 * boot: what a script leaves there no later request of a restored instance may find.
 */

import type { EmscriptenFs, FsNode } from './emscripten.ts';

/** What of a node of the loader's memory file system is kept. */
interface Kept {
  readonly node: FsNode;
  readonly name: string;
  readonly mode: number;
  readonly content: Uint8Array | undefined;
  readonly children: readonly Kept[];
}

/** Kind of a file in its mode (`S_IFMT`), and the two kinds that have something inside. */
const kindMask = 0o170000;
const kinds = { folder: 0o040000, file: 0o100000 } as const;

function kindOf(node: FsNode): number {
  return node.mode & kindMask;
}

/** The entries of a folder in memory; undefined for everything else. */
function entriesOf(node: FsNode): Record<string, FsNode> | undefined {
  const inMemory = kindOf(node) === kinds.folder && !node.mounted && !(node.contents instanceof Uint8Array);
  return inMemory ? (node.contents as Record<string, FsNode> | undefined) : undefined;
}

function contentOf(node: FsNode): Uint8Array | undefined {
  if (kindOf(node) !== kinds.file) return undefined;
  const { contents, usedBytes = 0 } = node;
  return contents instanceof Uint8Array ? contents.slice(0, usedBytes) : new Uint8Array();
}

function keep(node: FsNode): Kept {
  const children = Object.values(entriesOf(node) ?? {}).map(keep);
  return { node, name: node.name, mode: node.mode, content: contentOf(node), children };
}

export class MemoryFiles {
  readonly #fs: EmscriptenFs;
  readonly #roots: readonly Kept[];

  /** @param folders paths of folders in memory; those that are not there are passed over. */
  constructor(fs: EmscriptenFs, folders: readonly string[]) {
    this.#fs = fs;
    this.#roots = folders.flatMap((path) => {
      const { node } = fs.lookupPath(path, { noent_okay: true });
      return node ? [keep(node)] : [];
    });
  }

  /** No file may be open that was not open before. */
  restore(): void {
    for (const root of this.#roots) this.#restore(root);
  }

  #restore({ node, mode, content, children }: Kept): void {
    node.mode = mode;
    if (content !== undefined) {
      node.contents = content.slice();
      node.usedBytes = content.length;
    }
    const entries = entriesOf(node);
    if (entries === undefined) return;
    for (const entry of Object.values(entries)) this.#forget(entry);
    node.contents = Object.fromEntries(children.map((child) => [child.name, child.node]));
    for (const child of children) {
      child.node.name = child.name;
      child.node.parent = node;
      this.#fs.hashAddNode(child.node);
      this.#restore(child);
    }
  }

  #forget(node: FsNode): void {
    for (const entry of Object.values(entriesOf(node) ?? {})) this.#forget(entry);
    this.#fs.hashRemoveNode(node);
  }
}
