/**
 * systemd's store of file descriptors, sd_notify(3). Where no keeper can be had it holds the sockets of sleeping pools,
 * and passes them to the next master as those of socket activation. systemd gives them up when the service is stopped,
 * or fails for good.
 */

import { constants } from 'node:os';
import type { ErrorLog } from '../log/error-log.ts';
import type { Listener } from '../sockets/listener.ts';
import { hasStoredSockets, storedName } from '../sockets/listener-inherit.ts';
import { SystemdNotifier } from './systemd.ts';

/** systemd reads its messages one after the other; its queue holds some hundred. */
const againMs = 50;

export class DescriptorStore {
  readonly #log: ErrorLog;
  readonly #notifier: SystemdNotifier;
  /** To be sent, by inode. */
  readonly #waiting = new Map<number, Listener>();
  /** It may hold sockets of ours. */
  #isUsed: boolean;
  /** systemd believes this process. */
  #isOpen = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: ErrorLog, env: NodeJS.ProcessEnv) {
    this.#log = log;
    this.#notifier = new SystemdNotifier(env['NOTIFY_SOCKET']);
    this.#isUsed = hasStoredSockets(env);
  }

  /** systemd manages this process. It does not tell whether the unit allows a store (FileDescriptorStoreMax=). */
  get isThere(): boolean {
    return this.#notifier.enabled;
  }

  /** Another master was here before, which may have used it. */
  succeed(): void {
    this.#isUsed = this.isThere;
  }

  /** This process is the main one of the service: systemd takes messages of no other. */
  open(): void {
    this.#isOpen = true;
    this.#flush();
  }

  /** One that is there already is not stored again. */
  keep(listener: Listener): void {
    if (!this.isThere) return;
    this.#isUsed = true;
    this.#waiting.set(listener.inode, listener);
    this.#flush();
  }

  /** The socket is closed: systemd must not hold it any longer. */
  drop(inode: number): void {
    this.#waiting.delete(inode);
    if (this.#isUsed) this.#notifier.dropDescriptor(storedName(inode));
  }

  /** Its descriptors stay there. */
  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  #flush(): void {
    if (!this.#isOpen) return;
    clearTimeout(this.#timer);
    for (const [inode, listener] of this.#waiting) {
      const errno = listener.isIntact() ? this.#notifier.keepDescriptor(listener.fd, storedName(inode)) : 0;
      if (errno === constants.errno.EAGAIN) {
        this.#timer = setTimeout(() => this.#flush(), againMs);
        this.#timer.unref();
        return;
      }
      this.#waiting.delete(inode);
      if (errno !== 0) return this.#fail();
    }
  }

  #fail(): void {
    this.#waiting.clear();
    this.#log.warning('sockets of sleeping pools close with a killed master: systemd does not take them');
  }
}
