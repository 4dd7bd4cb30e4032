/**
 * Files in the instance's own memory (/internal, /dev and so on), restored to their state after the boot: no later
 * request of a restored instance may see files that a script left there.
 */

import type { EmscriptenFs, FsNode } from './emscripten.ts';

/** The kept data of a node of the loader's memory file system. */
interface Kept {
  readonly node: FsNode;
  readonly name: string;
  readonly mode: number;
  readonly content: Uint8Array | undefined;
  readonly children: readonly Kept[];
}

/** Type bits of a file's mode (`S_IFMT`), and the two types with content. */
const kindMask = 0o170000;
const kinds = { folder: 0o040000, file: 0o100000 } as const;

function kindOf(node: FsNode): number {
  return node.mode & kindMask;
}

/** The entries of a memory folder; undefined for other nodes. */
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

  /** @param folders paths of memory folders; missing ones are skipped. */
  constructor(fs: EmscriptenFs, folders: readonly string[]) {
    this.#fs = fs;
    this.#roots = folders.flatMap((path) => {
      const { node } = fs.lookupPath(path, { noent_okay: true });
      return node ? [keep(node)] : [];
    });
  }

  /** Only files that were open before may be open. */
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
