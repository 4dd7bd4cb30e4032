/** Units of systemd: the time limit of a stop, systemd.service(5), systemd.time(7). */

/** systemd's own default, DefaultTimeoutStopSec. */
const defaultStop = 90;

/**
 * Time limit of a service's stop in seconds; undefined without a limit.
 *
 * @param texts the unit and its drop-ins, in order of precedence
 */
export function stopSeconds(texts: readonly string[]): number | undefined {
  const settings = texts.flatMap((text) => [...text.matchAll(/^Timeout(?:Stop)?Sec\s*=\s*(.*?)\s*$/gm)]);
  const value = settings.at(-1)?.[1] ?? '';
  if (value === '') return defaultStop;
  return value === 'infinity' || value === '0' ? undefined : (systemdSeconds(value) ?? defaultStop);
}

/** `30`, `1min 30s`, `2h`. */
export function systemdSeconds(text: string): number | undefined {
  const units: Readonly<Record<string, number>> = {
    ms: 0.001,
    s: 1,
    sec: 1,
    min: 60,
    m: 60,
    h: 3600,
    d: 86_400,
    '': 1,
  };
  const parts = [...text.matchAll(/(\d+)\s*(ms|sec|s|min|m|h|d|)(?![a-z])\s*/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) return undefined;
  return parts.reduce((sum, [, digits, unit = '']) => sum + Number(digits) * (units[unit] ?? 1), 0);
}

/** Whether a file is an argument of the service's program. */
export function startsWith(texts: readonly string[], file: string): boolean {
  return texts.some((text) =>
    [...text.matchAll(/^ExecStart\s*=(.*)$/gm)].some(([, line = '']) => namesFile(line, file)),
  );
}

function namesFile(line: string, file: string): boolean {
  return line.split(/[\s=]+/).includes(file);
}
