/** Answers a request for the status page. */

import { renderHtml } from './html.ts';
import { renderJson } from './json.ts';
import { renderOpenMetrics } from './openmetrics.ts';
import { type StatusFormat, selectFormat } from './select.ts';
import type { StatusSnapshot } from './status-snapshot.ts';
import { renderText } from './text.ts';
import { renderXml } from './xml.ts';

export type HeaderLine = readonly [name: string, value: string];

export interface StatusAnswer {
  readonly status: number;
  /** In php-fpm's order and spelling. */
  readonly headers: readonly HeaderLine[];
  readonly body: Buffer;
}

interface Renderer {
  /** php-fpm gets the charset of text types from PHP, hence the other spelling of the name. */
  readonly contentType: HeaderLine;
  readonly render: (snapshot: StatusSnapshot, full: boolean, nowSeconds: number) => string;
}

const renderers: Readonly<Record<StatusFormat, Renderer>> = {
  text: { contentType: ['Content-type', 'text/plain;charset=UTF-8'], render: renderText },
  html: { contentType: ['Content-type', 'text/html;charset=UTF-8'], render: renderHtml },
  xml: { contentType: ['Content-type', 'text/xml;charset=UTF-8'], render: renderXml },
  json: { contentType: ['Content-Type', 'application/json'], render: renderJson },
  openmetrics: {
    contentType: ['Content-Type', 'application/openmetrics-text; version=1.0.0; charset=utf-8'],
    render: renderOpenMetrics,
  },
};

const cacheHeaders: readonly HeaderLine[] = [
  ['Expires', 'Thu, 01 Jan 1970 00:00:00 GMT'],
  ['Cache-Control', 'no-cache, no-store, must-revalidate, max-age=0'],
];

/** Headers for a HEAD request: php-fpm answers it before it selects a format. */
export const statusHeadHeaders: readonly HeaderLine[] = [
  ...cacheHeaders,
  ['Content-type', 'text/html; charset=UTF-8'],
];

/** Headers of the answer to a ping; the content type comes first, as in php-fpm. */
export const pingHeaders: readonly HeaderLine[] = [
  ['Content-type', 'text/plain;charset=UTF-8'],
  ...cacheHeaders,
];

/**
 * Renders the status page for a query string.
 *
 * @param now milliseconds since 1970.
 */
export function renderStatus(snapshot: StatusSnapshot, queryString: string, now: number): StatusAnswer {
  const { format, full } = selectFormat(queryString);
  const body = renderers[format].render(snapshot, full, Math.floor(now / 1000));
  return { status: 200, headers: statusHeaders(format), body: Buffer.from(body, 'utf8') };
}

/** Headers of the page. */
export function statusHeaders(format: StatusFormat): readonly HeaderLine[] {
  return [...cacheHeaders, renderers[format].contentType];
}

/** Header lines, an empty line, the body. */
export function cgiResponse(
  headers: readonly (readonly [string, string])[],
  body: Uint8Array | string,
): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`${lines}\r\n`, 'latin1'), Buffer.from(body)]);
}
