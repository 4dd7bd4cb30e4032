/** The files of the dashboard (a page, its modules and styles), served unchanged from `dashboard/`. */

import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageFile } from '../runtime/module.ts';
import type { Route } from './answer.ts';

const folder = pathToFileURL(packageFile('dashboard/'));

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Everything comes from this endpoint; inline scripts are forbidden; no other page can frame this one. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const headers: Readonly<Record<string, string>> = {
  'content-security-policy': policy,
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

let files: ReadonlyMap<string, URL> | undefined;

/** The route of a file; undefined if unknown. Names are looked up and never become part of a path. */
export function dashboardRoute(path: string): Route | undefined {
  files ??= findFiles();
  const file = files.get(path);
  if (file === undefined) return undefined;
  const type = types[extname(file.pathname)]!;
  return {
    method: 'GET',
    isOpen: true,
    // Read for each request: pages are opened rarely, and changes show at once.
    answer: () => ({ status: 200, type, headers, body: readFileSync(file, 'utf8') }),
  };
}

function findFiles(): ReadonlyMap<string, URL> {
  const own = readdirSync(folder).filter((name) => Object.hasOwn(types, extname(name)));
  // Lets Node find the package wherever npm has installed it.
  const uplot = import.meta.resolve('uplot');
  return new Map([
    ...own.map((name) => [`/dashboard/${name}`, new URL(name, folder)] as const),
    ['/', new URL('index.html', folder)],
    ['/dashboard/uplot.js', new URL('uPlot.esm.js', uplot)],
    ['/dashboard/uplot.css', new URL('uPlot.min.css', uplot)],
  ]);
}
