/** Selects a status format by the query string. */

export const statusFormats = ['html', 'xml', 'json', 'openmetrics', 'text'] as const;
export type StatusFormat = (typeof statusFormats)[number];

export interface StatusSelection {
  readonly format: StatusFormat;
  /** Includes every process. */
  readonly full: boolean;
}

/**
 * Looks for the keys `html`, `xml`, `json`, `openmetrics` (the first present one in this order wins) and `full`. Only
 * presence counts: `json` equals `json=1`. Keys match exactly, as in PHP 8.4 and later; PHP up to 8.3 also takes any
 * prefix of a word.
 */
export function selectFormat(queryString: string): StatusSelection {
  const keys = new Set(queryString.split('&').map((pair) => pair.split('=', 1)[0]));
  const format = statusFormats.find((candidate) => candidate !== 'text' && keys.has(candidate)) ?? 'text';
  return { format, full: keys.has('full') };
}
