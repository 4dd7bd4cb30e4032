/** Inherited descriptors that this process does not need: lock files, debconf's pipe, a shell's `exec 9<`. */
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
 * Releases every inherited descriptor above 2 except those in `kept`. Call it before any other file is opened.
 *
 * By then Node has opened descriptors of its own and has set close-on-exec on inherited ones with low numbers, so the
 * flag does not distinguish them; the kind of file does. A wrong guess must not hand a number of Node or V8 to the next
 * file, so each released descriptor becomes /dev/null.
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
 * Node's own: event loops, pipes between its threads (both ends are here), /dev/null, and the terminal, which Node
 * opens again at the first use of a standard stream.
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
      // The descriptor that readdir itself used.
      return [];
    }
  });
}
