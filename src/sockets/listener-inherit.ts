/**
 * Sockets inherited by the process: PHP-FPM's `FPM_SOCKETS` (fpm-behaviour 4.5), socket activation by systemd, and those
 * that a master had left with systemd, sd_listen_fds(3).
 */
import { setNonBlocking } from '../posix/descriptors.ts';
import { isListening } from '../posix/sockets.ts';
import { Listener } from './listener.ts';
import type { ListenerLog } from './listener-ownership.ts';

/** One entry of `FPM_SOCKETS`. */
export interface NamedSocket {
  readonly key: string;
  readonly fd: number;
}

/** Maximum number of variables that php-fpm writes. */
const maxVariables = 256;
/** First descriptor of socket activation, SD_LISTEN_FDS_START. */
const firstActivationFd = 3;
/** Names of sockets that a master had left with systemd; those of socket units have other ones. */
const storedNames = /^hathi-socket-\d+$/;

/** The name of a socket in systemd's store of descriptors. */
export function storedName(inode: number): string {
  return `hathi-socket-${inode}`;
}

function variableName(index: number): string {
  return index === 0 ? 'FPM_SOCKETS' : `FPM_SOCKETS_${index}`;
}

/** Entries of `FPM_SOCKETS`, `FPM_SOCKETS_1` and so on. Entries other than `key=fd` are skipped. */
export function parseInheritedSockets(env: NodeJS.ProcessEnv): NamedSocket[] {
  const sockets: NamedSocket[] = [];
  for (let index = 0; index < maxVariables; index += 1) {
    const value = env[variableName(index)];
    if (value === undefined) break;
    for (const entry of value.split(',')) {
      // The key is a path or contains colons; the number comes after the last equals sign.
      const match = /^(?<key>.+)=(?<fd>[0-9]+)$/.exec(entry);
      if (match?.groups !== undefined) {
        sockets.push({ key: match.groups['key'] ?? '', fd: Number(match.groups['fd']) });
      }
    }
  }
  return sockets;
}

/**
 * Adopts every socket announced in the environment and removes the variables, so that no worker sees them. A descriptor
 * that does not listen is left alone, with a warning.
 */
export function adoptInherited(
  env: NodeJS.ProcessEnv,
  log: ListenerLog,
  pid: number = process.pid,
): Listener[] {
  const named = parseInheritedSockets(env).map(({ fd }) => ({ fd, origin: 'inherited' as const }));
  const activated = activationDescriptors(env, pid).map(({ fd, name }) => ({
    fd,
    origin: storedNames.test(name) ? ('inherited' as const) : ('systemd' as const),
  }));
  for (const name of Object.keys(env)) {
    if (/^(FPM_SOCKETS(_[0-9]+)?|LISTEN_(PID|FDS|FDNAMES))$/.test(name)) delete env[name];
  }
  const seen = new Set<number>();
  const listeners: Listener[] = [];
  for (const { fd, origin } of [...named, ...activated]) {
    if (seen.has(fd)) continue;
    seen.add(fd);
    if (!isListening(fd)) {
      log.warning(`inherited descriptor fd=${fd} does not listen and is left alone`);
      continue;
    }
    // systemd has made it block (NonBlocking=no, systemd.service(5)), also for hosts of a killed master that accept now: a
    // worker that another one was faster than would wait for the next connection, and not see that it has to end.
    setNonBlocking(fd, true);
    listeners.push(Listener.adopt(fd, origin));
  }
  return listeners;
}

/** Every descriptor that the environment announces as a socket. */
export function announcedDescriptors(env: NodeJS.ProcessEnv, pid: number = process.pid): number[] {
  return [...parseInheritedSockets(env), ...activationDescriptors(env, pid)].map(({ fd }) => fd);
}

/** Whether systemd passes sockets that a master had left there. */
export function hasStoredSockets(env: NodeJS.ProcessEnv, pid: number = process.pid): boolean {
  return activationDescriptors(env, pid).some(({ name }) => storedNames.test(name));
}

/** Descriptors of socket activation with their names, unless they are for another process (LISTEN_PID). */
function activationDescriptors(
  env: NodeJS.ProcessEnv,
  pid: number,
): { readonly fd: number; readonly name: string }[] {
  const count = Number(env['LISTEN_FDS'] ?? '0');
  if (!Number.isSafeInteger(count) || count < 1 || Number(env['LISTEN_PID']) !== pid) return [];
  const names = (env['LISTEN_FDNAMES'] ?? '').split(':');
  return Array.from({ length: count }, (_, index) => ({
    fd: firstActivationFd + index,
    name: names[index] ?? '',
  }));
}
