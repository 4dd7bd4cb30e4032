/**
 * The stage of a worker in its scoreboard slot. The names are those of PHP-FPM's status page; the codes are the numbers
 * in shared memory.
 */

/** Stages in the order of a request. A zeroed slot reads as `creating`. */
export const workerStages = {
  /** The slot is assigned, the worker does not accept yet. */
  creating: { code: 0, label: 'Creating' },
  /** Waits in accept. */
  idle: { code: 1, label: 'Idle' },
  /** Accepted, parameters incomplete. Includes an idle keep-alive connection. */
  readingHeaders: { code: 2, label: 'Reading headers' },
  /** Parameters are complete and being evaluated. */
  requestInformation: { code: 3, label: 'Getting request information' },
  running: { code: 4, label: 'Running' },
  /** Shutdown functions, destructors and the flush of output. */
  ending: { code: 5, label: 'Ending' },
  /** The answer is complete, the connection is closing. */
  finishing: { code: 6, label: 'Finishing' },
  /** Worker mode: the application is booting, and takes no requests. */
  booting: { code: 7, label: 'Booting' },
} as const;

export type WorkerStage = keyof typeof workerStages | 'unknown';

const stageByCode = new Map<number, WorkerStage>(
  Object.entries(workerStages).map(([stage, { code }]) => [code, stage as WorkerStage]),
);

/** Stage for a number from shared memory; `unknown` for any other number. */
export function stageFromCode(code: number): WorkerStage {
  return stageByCode.get(code) ?? 'unknown';
}

/** The stage as the status page shows it. */
export function stageLabel(stage: WorkerStage): string {
  return stage === 'unknown' ? 'unknown' : workerStages[stage].label;
}

/** Process managers as numbers in the header. 0 means "not written yet". */
export const processManagerCodes = { static: 1, dynamic: 2, ondemand: 3, auto: 4 } as const;
export type ProcessManagerName = keyof typeof processManagerCodes;

/** Process manager for a number from shared memory; `unknown` for any other number. */
export function processManagerFromCode(code: number): ProcessManagerName | 'unknown' {
  for (const [name, value] of Object.entries(processManagerCodes)) {
    if (value === code) return name as ProcessManagerName;
  }
  return 'unknown';
}
