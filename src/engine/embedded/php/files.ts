/**
 * The file system of scripts: the host's, at the same paths, with the rights of the host process. Only the engine's own
 * folders and the kernel's file systems (/proc, /sys, /dev) are virtual.
 */

import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  type Stats,
} from 'node:fs';
import type { EmscriptenFs, FsNode, NodeFs, NodeOperations } from './emscripten.ts';
import type { Engine, EngineImports } from './engine.ts';
import { Folders } from './folders.ts';
import type { ScriptMask } from './umask.ts';

/** Excluded from the host's: kernel interfaces, and the engine's own folders. */
const virtualFolders = new Set(['proc', 'sys', 'dev', 'internal', 'request']);

/** Error numbers of the engine's C library (WASI). */
const errno = { ENOENT: 44, EEXIST: 20, EACCES: 2, EIO: 29 } as const;

/** Creation flags of open() in the engine's C library. */
const creationFlag = 0o100;
const exclusiveCreation = creationFlag | 0o200;

/** Mounts the host's files and repairs faults of the loader's file system. */
export class HostFiles {
  readonly #fs: EmscriptenFs;
  readonly #type: NodeFs;
  /** Names in the loader's lookup cache; other threads change files, so it only lives for a request. */
  #cached: FsNode[] = [];
  readonly #folders: Folders;
  /** During a stat(): the last name's status from its lookup, which avoids a second one. */
  #found: { path: string; stat: Stats | undefined } | undefined;
  #exclusive = false;
  readonly #mask: ScriptMask;

  constructor(engine: Engine, mask: ScriptMask) {
    this.#mask = mask;
    this.#fs = engine.fs;
    this.#type = engine.fs.filesystems.NODEFS;
    // The kernel checks every access to a host file; the loader's own check knows no owners.
    this.#fs.ignorePermissions = true;
    this.#repairNodes();
    this.#repairStatus();
    this.#repairCreation();
    this.#changeRoot();
    this.#folders = new Folders(engine.fs);
    this.#repairRename();
  }

  /** Clears cached names, so that the next request sees changes by other threads and processes. */
  forgetNames(): void {
    for (const node of this.#cached) this.#fs.hashRemoveNode(node);
    this.#cached = [];
    this.#folders.clear();
  }

  /** Makes the host's root the instance's; the virtual folders move onto it, as mounts do in pivot_root(2). */
  #changeRoot(): void {
    const fs = this.#fs;
    const old = fs.root;
    if (old === null) throw new Error('the PHP engine has no root folder');
    const kept = old.node_ops.readdir(old).filter((name) => virtualFolders.has(name));
    const nodes = kept.map((name) => fs.lookupNode(old, name));
    for (const node of nodes) fs.hashRemoveNode(node);
    fs.root = null;
    fs.mount(this.#type, { root: '/' }, '/');
    const root = fs.root as FsNode | null;
    if (root === null) throw new Error('the PHP engine did not take the root folder of the host');
    for (const node of nodes) {
      node.parent = root;
      fs.hashAddNode(node);
    }
    root.node_ops = this.#rootOperations(kept);
  }

  /** @param kept names of existing virtual folders; the host's folders of the other names are hidden as well. */
  #rootOperations(kept: readonly string[]): NodeOperations {
    const { node_ops: host } = this.#type;
    const refuse = (name: string, code: number): void => {
      if (virtualFolders.has(name)) throw new this.#fs.ErrnoError(code);
    };
    return {
      ...host,
      lookup: (parent, name) => {
        refuse(name, errno.ENOENT);
        return host.lookup(parent, name);
      },
      mknod: (parent, name, mode, dev) => {
        refuse(name, errno.EACCES);
        return host.mknod(parent, name, mode, dev);
      },
      readdir: (node) => [...host.readdir(node).filter((name) => !virtualFolders.has(name)), ...kept],
    };
  }

  #repairNodes(): void {
    const fs = this.#fs;
    const type = this.#type;
    // Sockets, FIFOs and devices of the host are visible to stat().
    type.createNode = (parent, name, mode) => {
      const node = fs.createNode(parent, name, mode);
      node.node_ops = type.node_ops;
      node.stream_ops = type.stream_ops;
      if (parent !== null) this.#cached.push(node);
      return node;
    };
    const names = type.node_ops.readdir;
    type.node_ops.readdir = (node) => ['.', '..', ...names(node)];
  }

  #repairStatus(): void {
    const fs = this.#fs;
    const type = this.#type;
    // Missing files are the common case in an include path; a Node exception costs ten times a lookup.
    const missing = new fs.ErrnoError(errno.ENOENT);
    const status = (path: string): Stats => {
      try {
        const stat = lstatSync(path, { throwIfNoEntry: false });
        if (stat !== undefined) return stat;
      } catch (error) {
        throw this.#asErrno(error);
      }
      throw missing;
    };
    const stat = fs.stat.bind(fs);
    fs.stat = (path, dontFollow) => {
      this.#found = { path: '', stat: undefined };
      try {
        return stat(path, dontFollow);
      } finally {
        this.#found = undefined;
      }
    };
    type.getMode = (path) => {
      const stat = status(path);
      if (this.#found !== undefined) this.#found = { path, stat };
      return stat.mode;
    };
    type.getattr = (read, _node) => {
      try {
        return read();
      } catch (error) {
        throw this.#asErrno(error);
      }
    };
    type.node_ops.getattr = (node) => {
      const path = type.realPath(node);
      const stat = (this.#found?.path === path ? this.#found.stat : undefined) ?? status(path);
      // The kind of the file changed (for example to a link): the next lookup must see it.
      if ((stat.mode ^ node.mode) & constants.S_IFMT) {
        fs.hashRemoveNode(node);
        this.#folders.clear();
      }
      return stat;
    };
  }

  #asErrno(error: unknown): Error {
    return new this.#fs.ErrnoError(this.#type.convertNodeCode(error) ?? errno.EIO);
  }

  /** Creation must never truncate a file that another thread created meanwhile. */
  #repairCreation(): void {
    const fs = this.#fs;
    const type = this.#type;
    const open = fs.open.bind(fs);
    // The loader sets the requested mode after creation, so the umask has to be applied to it already.
    const masked = (mode: number): number => mode & ~this.#mask.current;
    fs.open = (path, flags, mode = 0o666) => {
      const creation = typeof flags === 'number' ? flags & exclusiveCreation : 0;
      this.#exclusive = creation === exclusiveCreation;
      try {
        return open(path, flags, masked(mode));
      } catch (error) {
        // Another thread created the file between the loader's check and its creation: open it instead.
        const exists = (error as { errno?: number }).errno === errno.EEXIST;
        if (!exists || creation !== creationFlag) throw error;
        return open(path, flags, masked(mode));
      } finally {
        this.#exclusive = false;
      }
    };
    type.node_ops.mknod = (parent, name, mode) => {
      const path = `${type.realPath(parent)}/${name}`;
      try {
        if ((mode & constants.S_IFMT) === constants.S_IFDIR) this.#makeFolder(path, masked(mode) & 0o7777);
        else closeSync(openSync(path, this.#exclusive ? 'wx' : 'a', mode & 0o7777));
      } catch (error) {
        throw this.#asErrno(error);
      }
      return type.createNode(parent, name, mode);
    };
  }

  /** The kernel applies its own umask as well; afterwards the bits that the script's umask allows are added. */
  #makeFolder(path: string, mode: number): void {
    mkdirSync(path, mode);
    if ((mode & this.#mask.process) !== 0) chmodSync(path, mode);
  }

  /**
   * Makes rename() replace its target atomically; the loader's removes the target first. Cached folders may be stale
   * afterwards.
   */
  #repairRename(): void {
    const type = this.#type;
    type.node_ops.rename = (node, parent, name) => {
      const target = `${type.realPath(parent)}/${name}`;
      try {
        renameSync(type.realPath(node), target);
      } catch (error) {
        throw this.#asErrno(error);
      }
      this.#forget(parent, name);
      node.name = name;
      this.#folders.clear();
    };
    const { rmdir } = type.node_ops;
    type.node_ops.rmdir = (parent, name) => {
      rmdir(parent, name);
      this.#folders.clear();
    };
  }

  /** Forgets a replaced name. */
  #forget(parent: FsNode, name: string): void {
    this.#cached = this.#cached.filter((node) => {
      if (node.parent !== parent || node.name !== name) return true;
      this.#fs.hashRemoveNode(node);
      return false;
    });
  }
}

/** access() asks the kernel, which knows the user. */
export function repairAccess(imports: EngineImports, engine: () => Engine): void {
  const original = imports['__syscall_faccessat'] as (...args: number[]) => number;
  imports['__syscall_faccessat'] = (directory: number, path: number, mode: number, flags: number): number => {
    const result = original(directory, path, 0, flags);
    if (result !== 0 || mode === 0) return result;
    const { fs, memory } = engine();
    const { node } = fs.lookupPath(memory.string(path), { follow: true });
    const type = fs.filesystems.NODEFS;
    if (!node || node.node_ops !== type.node_ops) return 0;
    try {
      accessSync(type.realPath(node), mode);
      return 0;
    } catch {
      return -errno.EACCES;
    }
  };
}
