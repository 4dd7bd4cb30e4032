/** The master cannot start, or cannot apply a configuration. The reasons have been logged. */
export class MasterStartError extends Error {
  readonly code = 'HATHI_START';
}
