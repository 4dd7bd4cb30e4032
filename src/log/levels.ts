/** Levels of the error log, lowest first. */

export const levels = ['debug', 'notice', 'warning', 'error', 'alert'] as const;
export type Level = (typeof levels)[number];

/** Priority of a message of that level, syslog(3). */
export const syslogPriority: Readonly<Record<Level, number>> = {
  debug: 7,
  notice: 5,
  warning: 4,
  error: 3,
  alert: 1,
};

/** True when a message of `level` is to be written under the threshold `threshold`. */
export function passes(level: Level, threshold: Level): boolean {
  return levels.indexOf(level) >= levels.indexOf(threshold);
}

/** Level of a `log_level` value (any case, `warn` allowed), undefined when it is none. */
export function parseLevel(text: string): Level | undefined {
  const name = text.toLowerCase();
  if (name === 'warn') return 'warning';
  return levels.find((level) => level === name);
}
