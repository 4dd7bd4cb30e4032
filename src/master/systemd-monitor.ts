/** Notifies systemd: readiness, reload, stop, and periodically a status line and the watchdog. */

import type { GlobalConfig } from '../config/directives.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { type ActivitySums, planSystemd, SystemdNotifier, type SystemdPlan } from './systemd.ts';

export class SystemdMonitor {
  readonly #log: ErrorLog;
  readonly #notifier: SystemdNotifier;
  readonly #watchdogUsec: string | undefined;
  readonly #sums: () => ActivitySums;
  #plan: SystemdPlan = { intervalMs: 0, watchdog: false, messages: [] };
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param env NOTIFY_SOCKET and WATCHDOG_USEC
   * @param sums returns the current activity
   */
  constructor(log: ErrorLog, env: NodeJS.ProcessEnv, sums: () => ActivitySums) {
    this.#log = log;
    this.#notifier = new SystemdNotifier(env['NOTIFY_SOCKET']);
    this.#watchdogUsec = env['WATCHDOG_USEC'];
    this.#sums = sums;
  }

  /** Applies the interval of a configuration. */
  configure(global: GlobalConfig): void {
    const isGiven = global.places.has('systemd_interval');
    this.#plan = planSystemd(global.systemd_interval, isGiven, this.#watchdogUsec);
    for (const message of this.#plan.messages) this.#log.write(message.level, message.text);
    this.stop();
    const { intervalMs } = this.#plan;
    if (this.#notifier.enabled && intervalMs > 0) {
      this.#timer = setInterval(() => this.#notifyStatus(), intervalMs);
    }
  }

  /** Reports readiness, with php-fpm's line about the interval. */
  ready(): void {
    if (!this.#notifier.enabled) return;
    if (!this.#notifier.ready()) this.#log.warning('failed to notify start to systemd');
    else this.#log.debug('have notify start to systemd');
    const { intervalMs } = this.#plan;
    this.#log.notice(
      intervalMs > 0 ? `systemd monitor interval set to ${intervalMs}ms` : 'systemd monitor disabled',
    );
  }

  reloading(): void {
    this.#notifier.reloading();
  }

  /** The old configuration stays in use: systemd waits for this message to end its reload. */
  reloadRefused(): void {
    this.#notifier.ready();
  }

  /** Another process is the service from now on: systemd believes this one only. */
  replacedBy(pid: number): void {
    if (!this.#notifier.replacedBy(pid))
      this.#log.warning('failed to notify the new main process to systemd');
  }

  stopping(): void {
    this.#notifier.stopping();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #notifyStatus(): void {
    if (!this.#notifier.status(this.#sums(), this.#plan)) {
      this.#log.notice('failed to notify status to systemd');
    }
  }
}
