/**
 * A service manager as far as a master sees it: a datagram socket with what arrives there, and a store of descriptors,
 * sd_notify(3). Node has no Unix datagram sockets.
 */
import { closeSync, fstatSync } from 'node:fs';
import { check, declare } from '../../src/posix/libc.ts';
import { descriptorsOf, messageRoom } from '../../src/posix/message.ts';
import { TestFolder } from './folder.ts';
import { poll } from './waiting.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;

const cSocket = declare<[number, number, number], number>('int socket(int domain, int type, int protocol)');
const cBind = declare<[number, Buffer, number], number>('int bind(int fd, const void *address, uint length)');
const cRecvmsg = declare<[number, Buffer, number], number>('intptr_t recvmsg(int fd, void *msg, int flags)');

const lookMs = 10;
const longest = 65_536;

export class NotifySocket implements AsyncDisposable {
  readonly #folder = new TestFolder();
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout;
  readonly #datagrams: string[] = [];
  readonly #stored = new Map<string, number>();
  readonly path: string;

  constructor() {
    this.path = this.#folder.join('notify');
    const name = Buffer.from(this.path);
    const address = Buffer.alloc(2 + name.length);
    address.writeUInt16LE(AF_UNIX);
    name.copy(address, 2);
    this.#fd = check('socket', cSocket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    check('bind', cBind(this.#fd, address, address.length), this.path);
    this.#timer = setInterval(() => this.#receive(), lookMs);
  }

  /** The datagrams, as they were sent. */
  get datagrams(): readonly string[] {
    return this.#datagrams;
  }

  /** Their assignments. */
  get lines(): readonly string[] {
    return this.datagrams.flatMap((datagram) => datagram.split('\n'));
  }

  /** What the service has stored, by name. */
  get stored(): ReadonlyMap<string, number> {
    return this.#stored;
  }

  /** Waits for a datagram with that line about a process. */
  async says(line: string, pid: number): Promise<void> {
    const isThere = (text: string): boolean => text.includes(line) && text.includes(`MAINPID=${pid}`);
    await poll(`${line} of ${pid}`, () => this.datagrams.some(isThere) || undefined, 10_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const fd of [this.#fd, ...this.#stored.values()]) closeSync(fd);
    this.#folder[Symbol.dispose]();
  }

  #receive(): void {
    for (;;) {
      const message = messageRoom(longest, 2);
      const length = cRecvmsg(this.#fd, message.header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
      if (length < 0) return;
      const text = message.data.toString('utf8', 0, length);
      this.#datagrams.push(text);
      this.#store(text.split('\n'), descriptorsOf(message));
    }
  }

  /** systemd compares with kcmp(2); sockets have one inode. */
  #store(lines: readonly string[], fds: readonly number[]): void {
    const name = lines.find((line) => line.startsWith('FDNAME='))?.slice('FDNAME='.length) ?? 'stored';
    const known = this.#stored.get(name);
    if (lines.includes('FDSTOREREMOVE=1') && known !== undefined) {
      closeSync(known);
      this.#stored.delete(name);
    }
    for (const fd of fds) {
      const isKnown = [...this.#stored.values()].some((one) => fstatSync(one).ino === fstatSync(fd).ino);
      if (lines.includes('FDSTORE=1') && !isKnown) this.#stored.set(name, fd);
      else closeSync(fd);
    }
  }
}
