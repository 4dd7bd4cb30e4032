/**
 * The master's side of systemd's notification protocol (sd_notify(3)): readiness, a status line, reload and
 * stop, the watchdog, and the store of descriptors.
 */

import { sendToUnixSocket } from '../posix/notify-socket.ts';

/** Sums over all pools, for the status line. */
export interface ActivitySums {
  readonly active: number;
  readonly idle: number;
  readonly requests: number;
  readonly slow: number;
}

export interface SystemdPlan {
  /** Milliseconds between two status messages; 0: none. */
  readonly intervalMs: number;
  readonly watchdog: boolean;
  /** Log lines about the choice, as in PHP-FPM. */
  readonly messages: readonly { readonly level: 'notice' | 'warning'; readonly text: string }[];
}

/** The watchdog is served if half of its period exceeds this: PHP-FPM's own limit. */
const shortestWatchdogMs = 1000;

/**
 * Notification interval.
 *
 * @param intervalSeconds the directive `systemd_interval`
 * @param intervalGiven whether the file sets it
 * @param watchdogUsec WATCHDOG_USEC of the environment, microseconds
 */
export function planSystemd(
  intervalSeconds: number,
  intervalGiven: boolean,
  watchdogUsec: string | undefined,
): SystemdPlan {
  const half = Math.floor(Number.parseInt(watchdogUsec ?? '0', 10) / 2000);
  if (!(half > shortestWatchdogMs))
    return { intervalMs: intervalSeconds * 1000, watchdog: false, messages: [] };
  const seconds = Number((half / 1000).toPrecision(3));
  return {
    intervalMs: half,
    watchdog: true,
    messages: [
      ...(intervalGiven ? [{ level: 'warning' as const, text: 'systemd_interval option ignored' }] : []),
      { level: 'notice', text: `systemd watchdog configured to ${seconds}sec` },
    ],
  };
}

export class SystemdNotifier {
  readonly #socket: string | undefined;
  #lastRequests = 0;

  /** @param socket NOTIFY_SOCKET; with undefined every call is a no-op that succeeds */
  constructor(socket: string | undefined) {
    this.#socket = socket === '' ? undefined : socket;
  }

  get enabled(): boolean {
    return this.#socket !== undefined;
  }

  /** @returns whether the message was delivered (true without systemd) */
  ready(): boolean {
    return this.#send(['READY=1', 'STATUS=Ready to handle connections', `MAINPID=${process.pid}`]);
  }

  /** RELOADING needs the monotonic time in microseconds since systemd 253 (Type=notify-reload). */
  reloading(): boolean {
    const monotonic = process.hrtime.bigint() / 1000n;
    return this.#send(['RELOADING=1', `MONOTONIC_USEC=${monotonic}`, 'STATUS=Reloading']);
  }

  /** The service goes on in that process. */
  replacedBy(pid: number): boolean {
    return this.#send([`MAINPID=${pid}`]);
  }

  /**
   * systemd keeps a copy of the descriptor for the next process of the service, under a name. It ignores one that it has
   * already, and all of them where the unit has no FileDescriptorStoreMax=.
   *
   * @returns 0, or the errno; EAGAIN when its queue is full
   */
  keepDescriptor(descriptor: number, name: string): number {
    if (this.#socket === undefined) return 0;
    return sendToUnixSocket(this.#socket, `FDSTORE=1\nFDNAME=${name}`, { descriptor, atOnce: true });
  }

  /** It closes its copy; an unknown name is no error. */
  dropDescriptor(name: string): boolean {
    return this.#send(['FDSTOREREMOVE=1', `FDNAME=${name}`]);
  }

  stopping(): boolean {
    return this.#send(['STOPPING=1', 'STATUS=Stopping']);
  }

  status(sums: ActivitySums, plan: SystemdPlan): boolean {
    const delta = Math.max(0, sums.requests - this.#lastRequests);
    this.#lastRequests = sums.requests;
    const traffic = plan.intervalMs > 0 ? (delta * 1000) / plan.intervalMs : 0;
    return this.#send([
      ...(plan.watchdog ? ['WATCHDOG=1'] : []),
      `STATUS=Processes active: ${sums.active}, idle: ${sums.idle}, Requests: ${sums.requests}, ` +
        `slow: ${sums.slow}, Traffic: ${traffic.toFixed(2)}req/sec`,
    ]);
  }

  #send(lines: readonly string[]): boolean {
    return this.#socket === undefined || sendToUnixSocket(this.#socket, lines.join('\n')) === 0;
  }
}
