/** Settings, folders and a log that remembers, for the tests of listening sockets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Listener } from '../../src/sockets/listener.ts';
import { parseListenAddress } from '../../src/sockets/listener-address.ts';
import type { ListenSettings } from '../../src/sockets/listener-open.ts';

export interface Cleanup {
  after(action: () => void): void;
}

export function folderFor(t: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), 'hathi-listener-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function settingsFor(listen: string, more: Partial<ListenSettings> = {}): ListenSettings {
  return { pool: 'www', address: parseListenAddress(listen, '/'), backlog: 16, mode: 0o660, ...more };
}

/** Messages, as `level: text`. */
export class LogRecorder {
  readonly lines: string[] = [];
  debug(text: string): void {
    this.lines.push(`debug: ${text}`);
  }
  notice(text: string): void {
    this.lines.push(`notice: ${text}`);
  }
  warning(text: string): void {
    this.lines.push(`warning: ${text}`);
  }
}

/** Opens a listener that is closed and unlinked when the test ends. */
export async function openFor(
  t: Cleanup,
  settings: ListenSettings,
  log: LogRecorder = new LogRecorder(),
): Promise<Listener> {
  const listener = await Listener.open(settings, log);
  t.after(() => listener.remove(new LogRecorder()));
  return listener;
}

/** Applies other settings, as a reload does. */
export function applyTo(listener: Listener, settings: ListenSettings, log = new LogRecorder()): void {
  listener.apply(listener.resolve(settings, log), log);
}

/** Connects and resolves to `connected`, or to the error's code. */
export function knock(target: { path: string } | { host: string; port: number }): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(target);
    socket.once('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
  });
}

/** A TCP port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object'
          ? resolve(address.port)
          : reject(new Error('a TCP server has no address')),
      );
    });
  });
}
