/** Orders from the admin endpoint to the master. */

import type { EndMode } from '../engine/contract.ts';
import type { AdminVerb } from './admin-source.ts';
import type { UpgradeResult } from './answers.ts';

/** A worker that an operator wants to end. */
export interface EndOrder {
  readonly pool: string;
  readonly pid: number;
  readonly how: EndMode;
}

export type AdminOrder =
  | {
      readonly type: 'admin';
      readonly verb: AdminVerb;
      readonly peer: string;
      /** For a rollback: the number of the configuration; undefined means the one before the current one. */
      readonly kept?: number | undefined;
    }
  | {
      readonly type: 'upgrade';
      /** Undefined for that of this process. */
      readonly program: string | undefined;
      readonly peer: string;
      readonly done: (result: UpgradeResult) => void;
    }
  | { readonly type: 'drain'; readonly pool: string; readonly isDrained: boolean; readonly peer: string }
  | { readonly type: 'endWorker'; readonly order: EndOrder; readonly peer: string };
