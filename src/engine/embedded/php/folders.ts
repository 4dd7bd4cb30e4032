/**
 * Cache of the folders that a request has visited. The loader walks every path from the root and rebuilds it at each
 * step, which cost an application as much as the kernel's part; with the cache a lookup starts at the file's folder.
 *
 * Only host folders are cached, by their plain path: without symbolic links, mounts, `.` or `..`. For all other paths
 * the loader walks. An entry lives as long as in the loader's own name cache.
 */

import { constants } from 'node:fs';
import type { EmscriptenFs, FsNode, LookupOptions, LookupResult } from './emscripten.ts';

/** The engine's ENOENT (WASI). */
const noEntry = 44;

export class Folders {
  readonly #fs: EmscriptenFs;
  readonly #byPath = new Map<string, FsNode>();
  readonly #paths = new WeakMap<FsNode, string>();

  /** Takes over path lookup; the host's root must be mounted. */
  constructor(fs: EmscriptenFs) {
    this.#fs = fs;
    const type = fs.filesystems.NODEFS;
    const { realPath } = type;
    const { lookup } = type.node_ops;
    type.realPath = (node) => {
      const folder = node === node.parent ? undefined : this.#paths.get(node.parent);
      return folder === undefined ? realPath(node) : `${folder}/${node.name}`;
    };
    type.node_ops.lookup = (parent, name) => {
      const folder = this.#paths.get(parent);
      if (folder === undefined) return lookup(parent, name);
      return type.createNode(parent, name, type.getMode(`${folder}/${name}`));
    };
    const walk = fs.lookupPath.bind(fs);
    fs.lookupPath = (path, options = {}) => this.#lookup(path, options) ?? walk(path, options);
  }

  /** Call it whenever a folder may have changed its name or kind. */
  clear(): void {
    for (const node of this.#byPath.values()) this.#paths.delete(node);
    this.#byPath.clear();
  }

  /** @returns undefined to let the loader walk. @throws the loader's error for a missing file */
  #lookup(given: string, options: LookupOptions): LookupResult | undefined {
    const path = given.startsWith('/') ? given : `${this.#fs.cwd()}/${given}`;
    const end = path.lastIndexOf('/');
    const name = path.slice(end + 1);
    if (!isPlain(name)) return undefined;
    const folder = this.#folder(path.slice(0, end));
    if (folder === undefined) return undefined;
    if (options.parent === true) return { path: path.slice(0, end) || '/', node: folder };
    const node = this.#entry(folder, name, options.noent_okay === true);
    if (node === undefined) return { path, node };
    const isToFollow = node.mounted || (options.follow === true && isKind(node, constants.S_IFLNK));
    return isToFollow ? undefined : { path, node };
  }

  #entry(folder: FsNode, name: string, mayBeMissing: boolean): FsNode | undefined {
    try {
      return this.#fs.lookupNode(folder, name);
    } catch (error) {
      if (mayBeMissing && (error as { errno?: number }).errno === noEntry) return undefined;
      throw error;
    }
  }

  /** @param path without a final slash, so the root is empty */
  #folder(path: string): FsNode | undefined {
    const known = this.#byPath.get(path);
    if (known !== undefined) return known;
    const node = path === '' ? this.#fs.root : this.#child(path);
    if (node === undefined || node === null) return undefined;
    this.#byPath.set(path, node);
    this.#paths.set(node, path);
    return node;
  }

  #child(path: string): FsNode | undefined {
    const end = path.lastIndexOf('/');
    const name = path.slice(end + 1);
    const parent = isPlain(name) ? this.#folder(path.slice(0, end)) : undefined;
    if (parent === undefined) return undefined;
    const node = this.#fs.lookupNode(parent, name);
    const isHosts = node.node_ops === this.#fs.filesystems.NODEFS.node_ops;
    return isHosts && !node.mounted && isKind(node, constants.S_IFDIR) ? node : undefined;
  }
}

function isPlain(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..';
}

function isKind(node: FsNode, kind: number): boolean {
  return (node.mode & constants.S_IFMT) === kind;
}
