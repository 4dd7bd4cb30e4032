// @ts-check
/** Numbers and texts as the page shows them. Undefined and null are what is not known: a dash. */

const unknown = '–';
const thin = '\u202f';

/** @typedef {number | null | undefined} Figure */

/** @param {Figure} value */
export function count(value) {
  if (value === undefined || value === null) return unknown;
  if (value < 10_000) return String(Math.round(value));
  return value < 1e6 ? `${digits(value / 1e3)}${thin}k` : `${digits(value / 1e6)}${thin}M`;
}

/** A number a second. @param {Figure} value */
export function rate(value) {
  if (value === undefined || value === null) return unknown;
  return value < 10_000 ? digits(value) : count(value);
}

/** @param {Figure} micros */
export function duration(micros) {
  if (micros === undefined || micros === null) return unknown;
  if (micros === 0) return '0';
  if (micros < 1000) return `${Math.round(micros)}${thin}µs`;
  if (micros < 1e6) return `${digits(micros / 1e3)}${thin}ms`;
  const seconds = micros / 1e6;
  return seconds < 100 ? `${digits(seconds)}${thin}s` : span(seconds);
}

/** @param {Figure} value */
export function bytes(value) {
  if (value === undefined || value === null) return unknown;
  if (value === 0) return '0';
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let rest = value;
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? rest : digits(rest)}${thin}${units[unit]}`;
}

/** A part of one, as percent. @param {Figure} value */
export function share(value) {
  return value === undefined || value === null ? unknown : percent(value, 1);
}

/** @param {number} part @param {number} whole */
export function percent(part, whole) {
  if (whole <= 0) return unknown;
  const value = (part * 100) / whole;
  return `${value > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)}${thin}%`;
}

/** A long time. @param {number} seconds */
export function span(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.floor(seconds)}${thin}s`;
  if (minutes < 60) return `${minutes}${thin}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}${thin}h ${minutes % 60}${thin}min`;
  return `${Math.floor(hours / 24)}${thin}d ${hours % 24}${thin}h`;
}

const clockFormat = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

/** Time of the day. @param {number} at milliseconds since 1970 */
export function clock(at) {
  return clockFormat.format(at);
}

const dayFormat = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

/** Time of the day without seconds, with the day where that is another one. @param {number} at @param {number} [now] */
export function moment(at, now = Date.now()) {
  const time = clock(at).slice(0, 5);
  const isToday = new Date(at).toDateString() === new Date(now).toDateString();
  return isToday ? time : `${dayFormat.format(at)}, ${time}`;
}

/**
 * A text of a request or a script. Characters that would change the reading of their surroundings (direction overrides,
 * zero-width characters, line separators) become U+FFFD, as the endpoint does with control characters.
 *
 * @param {string} value
 */
export function foreign(value) {
  return value.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

/** Three digits that count, none behind the point from 100 on. @param {number} value */
function digits(value) {
  if (value >= 100 || Number.isInteger(value)) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
