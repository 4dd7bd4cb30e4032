/** Messages of the configuration room. It writes no log: the caller prints them in order. */

export type MessageLevel = 'debug' | 'notice' | 'warning' | 'error' | 'alert';

export interface ConfigMessage {
  readonly level: MessageLevel;
  /** The line in PHP-FPM's words, without time and level. */
  readonly text: string;
  /** Printed without the log's prefix: syntax errors. */
  readonly raw?: boolean;
  /** Additional lines of ours: the place, a caret below it, the remedy. */
  readonly detail?: readonly string[];
  /** The problem is only on this machine: `-t` warns about it, everything else refuses it. */
  readonly isOfMachine?: true;
}

/** The messages of a test that tolerates problems of this machine. */
export function lenient(messages: readonly ConfigMessage[]): ConfigMessage[] {
  return messages.map((message) => (message.isOfMachine ? { ...message, level: 'warning' } : message));
}

/** Stops the reading of a configuration; the messages have the reason already. Never leaves this room. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** Collects messages in printing order. */
export class Messages {
  readonly list: ConfigMessage[] = [];

  add(level: MessageLevel, text: string, detail: readonly string[] = []): void {
    this.list.push(detail.length === 0 ? { level, text } : { level, text, detail });
  }

  addRaw(text: string, detail: readonly string[]): void {
    this.list.push({ level: 'error', text, raw: true, detail });
  }

  /** Adds messages from elsewhere; an error or alert among them stops the reading. */
  take(messages: readonly ConfigMessage[]): void {
    this.list.push(...messages);
    if (messages.some(({ level }) => level === 'error' || level === 'alert')) this.stop();
  }

  /** Stops the reading after messages that were added earlier. */
  stop(): never {
    throw new Refused(this.list.at(-1)?.text);
  }

  /** Adds a message and stops the reading. */
  refuse(level: MessageLevel, text: string, detail: readonly string[] = []): never {
    this.add(level, text, detail);
    this.stop();
  }
}
