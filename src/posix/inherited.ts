/** Descriptors that this process was started with and has no use for: lock files, debconf's pipe, a shell's `exec 9<`. */
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { duplicateOnto, setCloseOnExec } from './descriptors.ts';
import { O_CLOEXEC } from './files.ts';

interface Descriptor {
  readonly fd: number;
  /** As /proc/self/fd shows it. */
  readonly target: string;
  readonly closesOnExec: boolean;
}

/**
 * Lets go of every inherited descriptor above 2 but those of `kept`. Call it before anything else is opened.
 *
 * Node has opened some of its own by then and has set close-on-exec on the inherited ones with low numbers, so that a
 * flag does not tell the two apart; kinds do. And a number that is Node's or V8's after all must not be given away to
 * the next file: each becomes /dev/null.
 */
export function releaseInherited(kept: ReadonlySet<number>): void {
  const open = openDescriptors();
  const nowhere = openSync('/dev/null', constants.O_RDWR);
  for (const descriptor of open) {
    if (descriptor.fd <= 2 || kept.has(descriptor.fd) || isOwn(descriptor, open)) continue;
    duplicateOnto(nowhere, descriptor.fd);
    setCloseOnExec(descriptor.fd, true);
  }
  closeSync(nowhere);
}

/**
 * Event loops, pipes that a thread wakes another by, which have both ends here, /dev/null, and the terminal, which Node
 * opens anew for a standard stream when that is first used.
 */
function isOwn({ fd, target, closesOnExec }: Descriptor, open: readonly Descriptor[]): boolean {
  if (!closesOnExec) return false;
  if (target.startsWith('anon_inode:') || target === '/dev/null') return true;
  if (target.startsWith('/dev/') && open.some((other) => other.fd <= 2 && other.target === target))
    return true;
  return target.startsWith('pipe:') && open.some((other) => other.fd !== fd && other.target === target);
}

function openDescriptors(): Descriptor[] {
  return readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`);
      const [, flags = ''] =
        /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'latin1')) ?? [];
      return [{ fd: Number(name), target, closesOnExec: (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0 }];
    } catch {
      // The one that the folder was read by.
      return [];
    }
  });
}
