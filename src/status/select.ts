/** Which format a query string asks for. */

export const statusFormats = ['html', 'xml', 'json', 'openmetrics', 'text'] as const;
export type StatusFormat = (typeof statusFormats)[number];

export interface StatusSelection {
  readonly format: StatusFormat;
  /** With data of every process. */
  readonly full: boolean;
}

/**
 * Looks for the keys `html`, `xml`, `json`, `openmetrics` (the first of this list that is there wins) and `full`.
 * Only presence counts, `json` and `json=1` are the same. Keys match exactly, as in PHP 8.4 and later; PHP up to
 * 8.3 also takes any prefix of a word.
 */
export function selectFormat(queryString: string): StatusSelection {
  const keys = new Set(queryString.split('&').map((pair) => pair.split('=', 1)[0]));
  const format = statusFormats.find((candidate) => candidate !== 'text' && keys.has(candidate)) ?? 'text';
  return { format, full: keys.has('full') };
}
