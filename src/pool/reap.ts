/** Messages and actions of the master for workers that started or ended. Texts and levels are PHP-FPM's. */

import { constants } from 'node:os';
import type { WorkerEnd } from '../engine/contract.ts';
import type { LogMessage } from './messages.ts';

export interface WorkerDeath {
  readonly pool: string;
  readonly pid: number;
  readonly end: WorkerEnd;
  readonly lifetimeMicros: number;
  /** The process manager asked it to end, because it was not needed. */
  readonly stoppedByManager: boolean;
  /** The pool is in normal operation: neither draining nor stopping. */
  readonly isNormal: boolean;
}

export interface Reaped {
  readonly message: LogMessage;
  /** Another worker takes its place (respawn.ts decides when). */
  readonly replace: boolean;
  /** Counts for emergency_restart_threshold. */
  readonly crashed: boolean;
}

const { SIGQUIT, SIGSEGV, SIGBUS } = constants.signals;

/** Log line and consequences of a worker's end. */
export function reapWorker(death: WorkerDeath): Reaped {
  const { end, pool, pid } = death;
  const after = `after ${secondsText(death.lifetimeMicros)} seconds from start`;
  const crashed = end.type === 'signal' && (end.signal === SIGSEGV || end.signal === SIGBUS);
  if (death.stoppedByManager && (end.type === 'exit' || end.signal === SIGQUIT)) {
    const text = `[pool ${pool}] child ${pid} has been killed by the process management ${after}`;
    return { message: { level: 'debug', text }, replace: false, crashed };
  }
  const isClean = end.type === 'exit' ? end.code === 0 : end.signal === SIGQUIT;
  const level = !death.isNormal ? 'debug' : isClean ? 'notice' : 'warning';
  const text = `[pool ${pool}] child ${pid} exited ${endText(end)} ${after}`;
  return { message: { level, text }, replace: death.isNormal, crashed };
}

/** Log line for a worker that is up: a replacement deserves a notice. */
export function startedMessage(pool: string, pid: number, isReplacement: boolean): LogMessage {
  return { level: isReplacement ? 'notice' : 'debug', text: `[pool ${pool}] child ${pid} started` };
}

function endText(end: WorkerEnd): string {
  if (end.type === 'exit') return `with code ${end.code}`;
  return `on signal ${end.signal} (${signalName(end.signal)}${end.core ? ' - core dumped' : ''})`;
}

/** Name of a signal by this system's numbers; empty for unnamed ones. */
function signalName(signal: number): string {
  for (const [name, number] of Object.entries(constants.signals)) {
    // Of two names for one number php-fpm uses SIGABRT and SIGIO.
    if (number === signal && name !== 'SIGIOT' && name !== 'SIGPOLL') return name;
  }
  return '';
}

/** Seconds with six decimals. */
export function secondsText(micros: number): string {
  const whole = Math.max(0, Math.floor(micros));
  return `${Math.floor(whole / 1_000_000)}.${String(whole % 1_000_000).padStart(6, '0')}`;
}
