/** Levels of the error log, lowest first. */

export const levels = ['debug', 'notice', 'warning', 'error', 'alert'] as const;
export type Level = (typeof levels)[number];

/** Syslog priority for a level, syslog(3). */
export const syslogPriority: Readonly<Record<Level, number>> = {
  debug: 7,
  notice: 5,
  warning: 4,
  error: 3,
  alert: 1,
};

/** True when a message of `level` passes `threshold`. */
export function passes(level: Level, threshold: Level): boolean {
  return levels.indexOf(level) >= levels.indexOf(threshold);
}

export function isLevel(name: string | undefined): name is Level {
  return levels.some((level) => level === name);
}

/** Level of a `log_level` value (any case, `warn` allowed); undefined when invalid. */
export function parseLevel(text: string): Level | undefined {
  const name = text.toLowerCase();
  if (name === 'warn') return 'warning';
  return levels.find((level) => level === name);
}
