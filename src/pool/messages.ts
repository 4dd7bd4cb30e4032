/** Lines that the pool's decisions ask the master to log. Texts and levels are PHP-FPM's: monitoring parses them. */

export type MessageLevel = 'debug' | 'notice' | 'warning' | 'error' | 'alert';

export interface LogMessage {
  readonly level: MessageLevel;
  readonly text: string;
  /** Of the request that it is about; no part of the text. */
  readonly requestId?: string | undefined;
}
