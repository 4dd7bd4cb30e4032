/** The parts of the engine loader's objects (Emscripten's runtime) used here. */

export interface FsStream {
  readonly fd: number;
  readonly path: string;
  readonly node: FsNode;
  readonly seekable: boolean;
  flags: number;
  position: number;
  readonly stream_ops: object;
  /** The host's descriptor, on streams of host files. */
  nfd?: number;
  readonly shared: { refcount: number };
}

export interface FsMount {
  readonly opts: { readonly root: string };
  readonly mountpoint: string;
}

export interface FsNode {
  id: number;
  name: string;
  mode: number;
  parent: FsNode;
  readonly mount: FsMount;
  node_ops: NodeOperations;
  stream_ops: object;
  sock?: SocketState;
  /** In the memory file system: a folder's entries by name, or a file's bytes. */
  contents?: Uint8Array | Record<string, FsNode> | null;
  usedBytes?: number;
  /** Set on a mount point. */
  readonly mounted?: FsMount | null;
}

export interface SocketState {
  error: number | null;
  readonly type: number;
  readonly recv_queue: readonly unknown[];
  sock_ops: Record<string, unknown>;
}

export interface FsAttributes {
  mode?: number | null;
  atime?: number;
  mtime?: number;
  size?: number;
  dontFollow?: boolean;
}

export interface NodeOperations {
  getattr(node: FsNode): object;
  lookup(parent: FsNode, name: string): FsNode;
  mknod(parent: FsNode, name: string, mode: number, dev: number): FsNode;
  readdir(node: FsNode): string[];
  rename(node: FsNode, parent: FsNode, name: string): void;
  rmdir(parent: FsNode, name: string): void;
  setattr(node: FsNode, attributes: FsAttributes): void;
}

/** Options of lookupPath(). */
export interface LookupOptions {
  /** Also follows a symbolic link at the end of the path. */
  readonly follow?: boolean;
  /** Returns the folder of the last name without looking that up. */
  readonly parent?: boolean;
  /** A missing last name is no error. */
  readonly noent_okay?: boolean;
}

export interface LookupResult {
  /** Path without symbolic links. */
  readonly path: string;
  /** Undefined or null for a missing last name. */
  readonly node: FsNode | null | undefined;
}

/** The file system type of host files. */
export interface NodeFs {
  createNode(parent: FsNode | null, name: string, mode: number, dev?: number): FsNode;
  getMode(path: string): number;
  /** The engine's error number for a Node exception. */
  convertNodeCode(error: unknown): number | undefined;
  realPath(node: FsNode): string;
  getattr(stat: () => object, node: FsNode): object;
  readonly node_ops: NodeOperations;
  stream_ops: Record<string, (...args: never[]) => unknown>;
}

export interface EmscriptenFs {
  readonly streams: (FsStream | null)[];
  readonly filesystems: { readonly NODEFS: NodeFs };
  readonly ErrnoError: new (errno: number) => Error & { errno: number };
  ignorePermissions: boolean;
  root: FsNode | null;
  chdir(path: string): void;
  cwd(): string;
  close(stream: FsStream): void;
  createStream(stream: object): FsStream;
  createNode(parent: FsNode | null, name: string, mode: number, dev?: number): FsNode;
  getStream(fd: number): FsStream | null;
  hashAddNode(node: FsNode): void;
  hashRemoveNode(node: FsNode): void;
  lookupNode(parent: FsNode, name: string): FsNode;
  lookupPath(path: string, options?: LookupOptions): LookupResult;
  makedev(major: number, minor: number): number;
  mkdev(path: string, mode: number, device: number): void;
  mkdir(path: string): void;
  mkdirTree(path: string): void;
  mount(type: object, options: object, mountpoint: string): void;
  open(path: string, flags: number | string, mode?: number): FsStream;
  read(stream: FsStream, buffer: Int8Array, offset: number, length: number): number;
  readdir(path: string): string[];
  registerDevice(device: number, operations: object): void;
  stat(path: string, dontFollow?: boolean): object;
  symlink(target: string, path: string): void;
  unlink(path: string): void;
  rmdir(path: string): void;
  writeFile(path: string, data: string | Uint8Array): void;
}

/** The loader's object: its options and what it adds. */
export interface Loader {
  readonly FS: EmscriptenFs;
  readonly wasmExports: Readonly<Record<string, unknown>>;
  [option: string]: unknown;
}

/** The loader's argument to the file-lock binding. */
export interface UserSpaceContext {
  readonly wasmImports: Readonly<Record<string, (...args: number[]) => unknown>>;
}

export interface LoaderModule {
  init(runtime: 'NODE', options: object): Loader;
}
