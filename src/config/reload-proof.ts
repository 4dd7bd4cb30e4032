/** `reload.probe_status` and `reload.canary`. */

/** An inclusive range of HTTP status codes. */
export type StatusRange = readonly [first: number, last: number];

/** `200`, `200,204`, `200-399`. @returns undefined for anything else */
export function parseStatuses(text: string): readonly StatusRange[] | undefined {
  const ranges = text.split(',').map((part): StatusRange | undefined => {
    const [, first, last = first] = /^\s*([1-5]\d\d)(?:-([1-5]\d\d))?\s*$/.exec(part) ?? [];
    return first === undefined || Number(first) > Number(last) ? undefined : [Number(first), Number(last)];
  });
  return ranges.every((range) => range !== undefined) ? ranges : undefined;
}

/** `10%`. @returns a share between 0 and 1, undefined for anything else */
export function parseShare(text: string): number | undefined {
  const percent = Number(/^(\d{1,2})\s*%$/.exec(text)?.[1]);
  return percent >= 1 ? percent / 100 : undefined;
}

/** Reason for refusing a value; undefined for a valid one. */
export function checkStatuses(text: string): string | undefined {
  return parseStatuses(text) === undefined
    ? `reload.probe_status(${text}) must be a list of HTTP status codes and ranges, such as 200,204 or 200-399`
    : undefined;
}

/** Reason for refusing a value; undefined for a valid one. */
export function checkShare(text: string): string | undefined {
  return text === '' || parseShare(text) !== undefined
    ? undefined
    : `reload.canary(${text}) must be a percentage from 1% to 99%`;
}

/** Reason for refusing a value; undefined for a valid one. */
export function checkProbeUri(text: string): string | undefined {
  return text === '' || /^\/[\x21-\x7e]*$/.test(text)
    ? undefined
    : `reload.probe(${text}) must be a path that begins with "/", without blanks, such as /healthz`;
}

/** Reason for refusing a value; undefined for a valid one. */
export function checkProbeMethod(text: string): string | undefined {
  return /^[A-Z]{1,16}$/.test(text)
    ? undefined
    : `reload.probe_method(${text}) must be an HTTP method in capitals`;
}
