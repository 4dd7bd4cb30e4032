/** The answers of the admin endpoint under the names that the page has for them. Unknown fields are absent. */

export type {
  CapacityAnswer as Capacity,
  HistoryAnswer as History,
  PoolAnswer as Pool,
  PoolCapacityAnswer as PoolCapacity,
  PoolsAnswer as Snapshot,
  ReloadResult,
  RequestAnswer as SlowRequest,
  RouteAnswer as Route,
  RoutesAnswer as Routes,
  StackAnswer as Stack,
  TrialAnswer as Trial,
  WorkerAnswer as Worker,
} from '../src/figures/answers.ts';
export type { DoctorAnswer as Doctor } from '../src/figures/findings.ts';
export type { HistoryColumn as ColumnName } from '../src/figures/history.ts';
export type { StackFrame as Frame } from '../src/trace/frame.ts';

export type Column = readonly (number | null)[];
