/** What the configuration room has to say. It writes no log: the caller prints the messages in their order. */

export type MessageLevel = 'debug' | 'notice' | 'warning' | 'error' | 'alert';

export interface ConfigMessage {
  readonly level: MessageLevel;
  /** The line as PHP-FPM words it, without time and level. */
  readonly text: string;
  /** Printed as it is, without the log's prefix: syntax errors. */
  readonly raw?: boolean;
  /** Further lines of ours: the place, a caret under it, what to do. */
  readonly detail?: readonly string[];
  /** Only this machine is in the way: `-t` warns of it, everything else refuses it. */
  readonly isOfMachine?: true;
}

/** The messages of a test that is content where only this machine is in the way. */
export function lenient(messages: readonly ConfigMessage[]): ConfigMessage[] {
  return messages.map((message) => (message.isOfMachine ? { ...message, level: 'warning' } : message));
}

/** Ends the reading of a configuration; what went wrong is in the messages already. Never leaves this room. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** Collects messages in the order in which they are to be printed. */
export class Messages {
  readonly list: ConfigMessage[] = [];

  add(level: MessageLevel, text: string, detail: readonly string[] = []): void {
    this.list.push(detail.length === 0 ? { level, text } : { level, text, detail });
  }

  addRaw(text: string, detail: readonly string[]): void {
    this.list.push({ level: 'error', text, raw: true, detail });
  }

  /** Adds messages made elsewhere; an error or alert among them ends the reading. */
  take(messages: readonly ConfigMessage[]): void {
    this.list.push(...messages);
    if (messages.some(({ level }) => level === 'error' || level === 'alert')) this.stop();
  }

  /** Ends the reading after messages that were added before. */
  stop(): never {
    throw new Refused(this.list.at(-1)?.text);
  }

  /** Adds a message that ends the reading. */
  refuse(level: MessageLevel, text: string, detail: readonly string[] = []): never {
    this.add(level, text, detail);
    this.stop();
  }
}
