/** The life of a master, once of each kind, with what they say made comparable. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { exited } from '../harness/processes.ts';
import { type Server, type ServerKind, type ServerOptions, startServer } from '../harness/server.ts';
import { within } from '../harness/waiting.ts';

export const kinds: readonly ServerKind[] = ['php-fpm', 'hathi'];

/** Lines that only one of the two has, with reason: docs/differences.md. */
const ownLines = [
  // Hathi: what the engine of a pool is, and what it lacks.
  /\] PHP [\d.]+ (compiled to|lacks the|gets no)/,
  // Hathi: what a worker was at when it was killed, be it the last of its work.
  /\] NOTICE: .* was lost with it$/,
  // php-fpm says so even where there is no systemd to tell anything.
  /systemd monitor interval set to/,
];

/** Whether a line is one that both have. */
export function isShared(line: string): boolean {
  return !ownLines.some((pattern) => pattern.test(line));
}

/** The log of a server with paths, times, pids and descriptors masked. */
export function comparableLog(server: Server, from = 0): string[] {
  return server.log.lines
    .slice(from)
    .filter(isShared)
    .map((line) =>
      line
        .replaceAll(server.folder.path, 'DIR')
        .replace(/^\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d{6})?\]/, '[TIME]')
        .replace(/\bpid \d+/, 'pid PID')
        .replace(/\bchild \d+/, 'child PID')
        .replace(/\bfd=\d+/, 'fd=FD')
        .replace(/\breloading: .*/, 'reloading: HOW')
        .replace(/after \d+\.\d{6} seconds/, 'after N seconds'),
    );
}

/** Sends the signal and waits for the end. */
export async function end(server: Server, signal: NodeJS.Signals): Promise<void> {
  server.signal(signal);
  await within(exited(server.child), () => `the end after ${signal}:\n${server.log.text()}`);
}

/** Does the same with both kinds and gives back what each has to say. */
export async function withBoth<T>(
  options: Omit<ServerOptions, 'kind'>,
  act: (server: Server) => Promise<T>,
): Promise<Record<ServerKind, T>> {
  const results: Partial<Record<ServerKind, T>> = {};
  for (const kind of kinds) {
    await using server = await startServer({ ...options, kind });
    results[kind] = await act(server);
    // In order: a master that is killed may leave a worker that it was just making.
    if (server.child.exitCode === null) await end(server, 'SIGTERM');
  }
  return results as Record<ServerKind, T>;
}

/** Facts from proc(5) about a process. */
export interface ProcessFacts {
  readonly title: string;
  readonly isSessionLeader: boolean;
  readonly cwd: string;
  readonly umask: string;
  /** Where the standard descriptors lead. */
  readonly streams: readonly string[];
}

export function processFacts(pid: number): ProcessFacts {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    title: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/[\0 ]+$/, ''),
    isSessionLeader: Number(fields[3]) === pid,
    cwd: readlinkSync(`/proc/${pid}/cwd`),
    umask: /^Umask:\s*(\S+)/m.exec(status)?.[1] ?? '',
    streams: [0, 1, 2].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`)),
  };
}

/** Names in the folder for sockets and pid files. */
export function leftFiles(server: Server): string[] {
  return readdirSync(server.folder.join('run')).sort();
}
