/** chown() and chgrp() for scripts through the kernel: the loader's own succeed without doing anything. */

import { chownSync, lchownSync } from 'node:fs';
import type { Engine, EngineImports } from './engine.ts';

/** `AT_SYMLINK_NOFOLLOW` */
const noFollow = 0x100;
/** `EPERM` of the engine's C library (WASI). */
const notPermitted = 63;

/** Makes the import behind chown(), chgrp() and lchown() real. */
export function repairOwnership(imports: EngineImports, engine: () => Engine): void {
  imports['__syscall_fchownat'] = (
    _folder: number,
    path: number,
    owner: number,
    group: number,
    flags: number,
  ): number => {
    try {
      return changeOwner(engine(), path, owner, group, (flags & noFollow) === 0);
    } catch (error) {
      const { errno = notPermitted } = error as { errno?: number };
      return -errno;
    }
  };
}

/** @throws ErrnoError of the loader for a missing file. */
function changeOwner(
  { fs, memory }: Engine,
  path: number,
  owner: number,
  group: number,
  follow: boolean,
): number {
  const { node } = fs.lookupPath(memory.string(path), { follow });
  const type = fs.filesystems.NODEFS;
  // Files in the instance's own memory have no owner.
  if (!node || node.stream_ops !== type.stream_ops) return -notPermitted;
  try {
    (follow ? chownSync : lchownSync)(type.realPath(node), owner, group);
    return 0;
  } catch (error) {
    return -(type.convertNodeCode(error) ?? notPermitted);
  }
}
