/** What the master says and does about workers that came and went. Texts and levels are PHP-FPM's. */

import { constants } from 'node:os';
import type { WorkerEnd } from '../engine/contract.ts';
import type { LogMessage } from './messages.ts';

export interface WorkerDeath {
  readonly pool: string;
  readonly pid: number;
  readonly end: WorkerEnd;
  readonly lifetimeMicros: number;
  /** The process manager had asked it to go, because it was not needed. */
  readonly stoppedByManager: boolean;
  /** The pool is in normal operation: not draining, not stopping. */
  readonly isNormal: boolean;
}

export interface Reaped {
  readonly message: LogMessage;
  /** Another worker is to take its place (see respawn.ts for when). */
  readonly replace: boolean;
  /** It counts for emergency_restart_threshold. */
  readonly crashed: boolean;
}

const { SIGQUIT, SIGSEGV, SIGBUS } = constants.signals;

/** Line for the log and consequences of a worker's end. */
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

/** Line for the log about a worker that is up: one that takes a dead one's place is worth a notice. */
export function startedMessage(pool: string, pid: number, isReplacement: boolean): LogMessage {
  return { level: isReplacement ? 'notice' : 'debug', text: `[pool ${pool}] child ${pid} started` };
}

function endText(end: WorkerEnd): string {
  if (end.type === 'exit') return `with code ${end.code}`;
  return `on signal ${end.signal} (${signalName(end.signal)}${end.core ? ' - core dumped' : ''})`;
}

/** Name of a signal as this system numbers it; empty for one without a name. */
function signalName(signal: number): string {
  for (const [name, number] of Object.entries(constants.signals)) {
    // Two names for one number: the reference says SIGABRT and SIGIO.
    if (number === signal && name !== 'SIGIOT' && name !== 'SIGPOLL') return name;
  }
  return '';
}

/** Seconds with six digits after the point. */
export function secondsText(micros: number): string {
  const whole = Math.max(0, Math.floor(micros));
  return `${Math.floor(whole / 1_000_000)}.${String(whole % 1_000_000).padStart(6, '0')}`;
}
