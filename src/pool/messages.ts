/** Log lines that a pool's decisions ask for. Texts and levels are PHP-FPM's: monitoring parses them. */

export type MessageLevel = 'debug' | 'notice' | 'warning' | 'error' | 'alert';

export interface LogMessage {
  readonly level: MessageLevel;
  readonly text: string;
  /** Id of the request concerned; not part of the text. */
  readonly requestId?: string | undefined;
}
