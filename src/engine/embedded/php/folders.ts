/**
 * The folders that a request has come through. The loader walks every path from the root and puts it together anew at
 * each step, which cost an application as much as the kernel's part of it; from here a lookup starts at the folder
 * that the file is in.
 *
 * Only folders of the host are kept, by their plain path: no symbolic link on the way, no mount, no `.` or `..`. For
 * everything else the loader walks. What is kept is what the loader's own cache of names holds, as long as that does.
 */

import { constants } from 'node:fs';
import type { EmscriptenFs, FsNode, LookupOptions, LookupResult } from './emscripten.ts';

/** The engine's ENOENT (WASI). */
const noEntry = 44;

export class Folders {
  readonly #fs: EmscriptenFs;
  readonly #byPath = new Map<string, FsNode>();
  readonly #paths = new WeakMap<FsNode, string>();

  /** Takes over the lookup of paths; the host's root has to be mounted. */
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

  /** To be called whenever a folder may have got another name or kind. */
  clear(): void {
    for (const node of this.#byPath.values()) this.#paths.delete(node);
    this.#byPath.clear();
  }

  /** @returns undefined where the loader has to walk. @throws its error for what is not there */
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

  /** @param path without a slash at its end, so the root is empty */
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
