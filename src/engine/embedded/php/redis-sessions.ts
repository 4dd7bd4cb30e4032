/**
 * session.save_handler = redis. The package's client lacks it; this one stores sessions in the same place and form as
 * phpredis, so that pools with either can share them (https://github.com/phpredis/phpredis#session).
 */

import { hostname } from 'node:os';
import { threadId } from '../../../posix/thread-id.ts';
import type { IniEntries } from './ini-entries.ts';
import { RedisConnection } from './redis-connection.ts';
import { SessionFailure, type SessionStore } from './session-module.ts';

/** One server of a save path. Times in milliseconds. */
export interface RedisServer {
  /** Address or name, or path of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly connectTimeout: number;
  readonly readTimeout: number;
  readonly prefix: string;
  readonly auth: readonly string[];
  readonly database: string | undefined;
}

const defaultPort = 6379;
const defaultPrefix = 'PHPREDIS_SESSION:';
/** Longest wait without a configured limit; after that the connection counts as lost. */
const longestWait = 60_000;
/** Releases a lock if it is still our own. */
const unlockScript =
  'if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end';

/**
 * The servers of a save path: URLs separated by commas or blanks.
 *
 * @returns undefined when one of them is invalid
 */
export function parseSavePath(savePath: string): readonly RedisServer[] | undefined {
  const urls = savePath.split(/[\s,]+/).filter((part) => part !== '');
  const servers = urls.map(parseServer);
  const all = servers.filter((server) => server !== undefined);
  return all.length === servers.length && all.length > 0 ? all : undefined;
}

function parseServer(text: string): RedisServer | undefined {
  const [, scheme = '', place = '', query = ''] = /^(?:(\w+):)?([^?]*)\??(.*)$/s.exec(text) ?? [];
  const options = new URLSearchParams(query);
  const number = (name: string, fallback: number): number => Number(options.get(name) ?? fallback);
  const weight = number('weight', 1);
  if (!Number.isInteger(weight) || weight < 1) return undefined;
  const limit = (name: string): number => {
    const seconds = number(name, 0);
    return seconds > 0 ? Math.min(seconds * 1000, longestWait) : longestWait;
  };
  const address = parsePlace(scheme, place);
  if (address === undefined) return undefined;
  return {
    ...address,
    weight,
    connectTimeout: limit('timeout'),
    readTimeout: limit('read_timeout'),
    prefix: options.get('prefix') ?? defaultPrefix,
    auth: credentials(options),
    database: options.get('database') ?? undefined,
  };
}

function parsePlace(scheme: string, place: string): Pick<RedisServer, 'host' | 'port'> | undefined {
  if (scheme === 'unix') return { host: place.replace(/^\/\/(?=\/)/, ''), port: 0 };
  if (scheme !== 'tcp') return undefined;
  const [, host = '', port] = /^\/\/(\[[^\]]+\]|[^:/]+)(?::(\d{1,5}))?\/?$/.exec(place) ?? [];
  return host === '' ? undefined : { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? defaultPort) };
}

/** `auth=secret`, `auth[]=name&auth[]=secret` or `auth[user]=name&auth[pass]=secret`. */
function credentials(options: URLSearchParams): readonly string[] {
  const names = ['auth[user]', 'auth[pass]']
    .map((name) => options.get(name))
    .filter((value) => value !== null);
  const list = options.getAll('auth[]');
  return [options.getAll('auth'), list, names].find((found) => found.length > 0) ?? [];
}

/**
 * The server of a session: PHP's number from the first four bytes of the id, over the weights from the last server on.
 */
export function serverOf(servers: readonly RedisServer[], id: string): RedisServer {
  const total = servers.reduce((sum, { weight }) => sum + weight, 0);
  let position = Buffer.from(id.padEnd(4, '\0'), 'latin1').readUInt32LE(0) % total;
  for (const server of servers.toReversed()) {
    if (position < server.weight) return server;
    position -= server.weight;
  }
  throw new Error('no server for the session');
}

interface Lock {
  readonly key: string;
  readonly secret: string;
  readonly connection: RedisConnection;
}

export class RedisSessions implements SessionStore {
  readonly #entries: IniEntries;
  readonly #connections = new Map<RedisServer, RedisConnection>();
  #servers: readonly RedisServer[] = [];
  #lock: Lock | undefined;
  /** The lock was not acquired, and the script may read all the same. */
  #isReadOnly = false;

  constructor(entries: IniEntries) {
    this.#entries = entries;
  }

  open(savePath: string): boolean {
    // State left by a trap.
    this.#forget();
    const servers = parseSavePath(savePath);
    this.#servers = servers ?? [];
    return servers !== undefined;
  }

  async close(): Promise<void> {
    try {
      await this.#unlock();
    } finally {
      this.#forget();
    }
  }

  #forget(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
    this.#lock = undefined;
    this.#isReadOnly = false;
  }

  async read(id: string): Promise<string> {
    const { connection, key } = await this.#find(id);
    await this.#acquire(connection, key);
    const data = await connection.command('GET', key);
    return typeof data === 'string' ? data : '';
  }

  async write(id: string, data: string, lifetime: number): Promise<void> {
    const { connection, key } = await this.#find(id);
    await this.#assertWritable(connection, key);
    await connection.command('SETEX', key, String(lifetime), data);
  }

  async touch(id: string, lifetime: number): Promise<void> {
    const { connection, key } = await this.#find(id);
    if ((await connection.command('EXPIRE', key, String(lifetime))) !== 1) throw new SessionFailure();
  }

  async destroy(id: string): Promise<void> {
    await this.#unlock();
    const { connection, key } = await this.#find(id);
    await connection.command('DEL', key);
  }

  async has(id: string): Promise<boolean> {
    const { connection, key } = await this.#find(id);
    return (await connection.command('EXISTS', key)) === 1;
  }

  async #find(id: string): Promise<{ connection: RedisConnection; key: string }> {
    const server = serverOf(this.#servers, id);
    const connection = this.#connections.get(server) ?? (await this.#connect(server));
    return { connection, key: `${server.prefix}${id}` };
  }

  async #connect(server: RedisServer): Promise<RedisConnection> {
    const { host, port, connectTimeout, readTimeout, auth, database } = server;
    const connection = await RedisConnection.open(host, port, connectTimeout, readTimeout);
    this.#connections.set(server, connection);
    if (auth.length > 0) await connection.command('AUTH', ...auth);
    if (database !== undefined) await connection.command('SELECT', database);
    return connection;
  }

  #setting(name: string): number {
    return Number.parseInt(this.#entries.value(name) || '0', 10);
  }

  /**
   * As in phpredis: the key ends in `_LOCK`, the value names the holder. Off unless the script's settings enable it.
   */
  async #acquire(connection: RedisConnection, key: string): Promise<void> {
    if (this.#setting('redis.session.locking_enabled') === 0) return;
    const lock = { key: `${key}_LOCK`, secret: `${hostname()}|${threadId()}`, connection };
    const expire = this.#setting('redis.session.lock_expire') || this.#setting('max_execution_time');
    const words = ['SET', lock.key, lock.secret, 'NX', ...(expire > 0 ? ['PX', String(expire * 1000)] : [])];
    const retries = this.#setting('redis.session.lock_retries');
    for (let tries = 0; ; tries += 1) {
      if ((await connection.command(...words)) === 'OK') {
        this.#lock = lock;
        return;
      }
      if (retries >= 0 && tries >= retries) break;
      const pause = this.#setting('redis.session.lock_wait_time') / 1000;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    this.#isReadOnly = this.#setting('redis.session.lock_failure_readonly') !== 0;
    if (!this.#isReadOnly) throw new SessionFailure('Failed to acquire session lock');
  }

  async #assertWritable(connection: RedisConnection, key: string): Promise<void> {
    if (this.#setting('redis.session.locking_enabled') === 0) return;
    const lock = this.#lock;
    // A session created in this request has no lock of its own until it is read.
    if (lock === undefined && !this.#isReadOnly) return await this.#acquire(connection, key);
    const holder = lock === undefined ? null : await connection.command('GET', lock.key);
    if (holder !== lock?.secret) throw new SessionFailure('Unable to write session: session lock not held');
  }

  async #unlock(): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    if (lock !== undefined) await lock.connection.command('EVAL', unlockScript, '1', lock.key, lock.secret);
  }
}
