/** The master cannot start, or cannot put a configuration in force. Everything worth saying has been logged. */
export class MasterStartError extends Error {
  readonly code = 'HATHI_START';
}
