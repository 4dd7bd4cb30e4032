/**
 * What a worker is doing, as it stands in its scoreboard slot. The names are those of PHP-FPM's status page;
 * the codes are the numbers in shared memory.
 */

/** Stages in the order in which a request passes them. A zeroed slot reads as `creating`. */
export const workerStages = {
  /** The slot was given out, the worker does not accept yet. */
  creating: { code: 0, label: 'Creating' },
  /** Waits in accept. */
  idle: { code: 1, label: 'Idle' },
  /** A connection is there, its parameters are not complete. A kept-alive connection at rest is in here too. */
  readingHeaders: { code: 2, label: 'Reading headers' },
  /** Parameters are complete and being looked at. */
  requestInformation: { code: 3, label: 'Getting request information' },
  running: { code: 4, label: 'Running' },
  /** Shutdown functions, destructors and the flush of the output. */
  ending: { code: 5, label: 'Ending' },
  /** The answer is complete, the connection is being closed. */
  finishing: { code: 6, label: 'Finishing' },
} as const;

export type WorkerStage = keyof typeof workerStages | 'unknown';

const stageByCode = new Map<number, WorkerStage>(
  Object.entries(workerStages).map(([stage, { code }]) => [code, stage as WorkerStage]),
);

/** Stage for a number read from shared memory; `unknown` for one that is no stage. */
export function stageFromCode(code: number): WorkerStage {
  return stageByCode.get(code) ?? 'unknown';
}

/** The stage as the status page shows it. */
export function stageLabel(stage: WorkerStage): string {
  return stage === 'unknown' ? 'unknown' : workerStages[stage].label;
}

/** Process managers as numbers in the header of the scoreboard. 0 is "not written yet". */
export const processManagerCodes = { static: 1, dynamic: 2, ondemand: 3 } as const;
export type ProcessManagerName = keyof typeof processManagerCodes;

/** Process manager for a number read from shared memory; `unknown` for one that is none. */
export function processManagerFromCode(code: number): ProcessManagerName | 'unknown' {
  for (const [name, value] of Object.entries(processManagerCodes)) {
    if (value === code) return name as ProcessManagerName;
  }
  return 'unknown';
}
