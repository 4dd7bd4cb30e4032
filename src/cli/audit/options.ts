/** The command line of `hathi audit`. */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type AllowEntry, parseAllowEntry, parseAllowFile } from '../../audit/allowed.ts';
import type { Ignored } from '../../audit/compare.ts';
import {
  type AuditRequest,
  type AuditSite,
  type Header,
  parseHeader,
  parseMethod,
  parseUrl,
  RequestError,
} from '../../audit/request.ts';
import { parseRequestFile } from '../../audit/request-file.ts';
import { phpVersion, UsageError, wholeNumber } from '../serve/option-values.ts';

export const usage = `Usage: hathi audit --worker SCRIPT [options] URL...
       hathi audit --worker SCRIPT [options] --requests FILE

Says whether an application may stay booted (worker mode): sends each request to fresh processes, and all of them in turns
to one that stays booted, twice, and tells what differs in the answers and what each request leaves behind. It starts native
workers of its own on a socket in a temporary folder. No running master is asked or touched.

  --worker SCRIPT       the script that boots the application and calls hathi_handle_request()
  URL                   a path with its query, such as /cart?id=1, or a URL with http:// or https://
  --requests FILE       requests in the form of .http files, separated by lines that begin with ###
  --method METHOD       of the URLs: GET, or POST with --data
  --header 'N: V'       of every request; may be given again
  --data TEXT           body of the URLs' requests; @FILE reads it from a file
  --docroot DIR         the document root (default: the script's folder)
  --fresh N             fresh processes a request, from 2 to 10 (default: 2); they differ where answers vary by themselves
  --ignore REGEX        text that may vary in bodies and headers; may be given again
  --ignore-header NAME  a header that may vary; may be given again
  --allow ID[:NAME]     accept these findings, * stands for any text; may be given again
  --allow-file FILE     the same, one a line
  --timeout SECONDS     of a request (default: 30)
  --boot-timeout SECS   of a boot (default: 30)
  --php VERSION         which of the built native engines, such as 8.2
  -c PATH               the php.ini, or its folder
  -n                    no php.ini
  -d NAME[=VALUE]       an ini value; may be given again
  --env NAME=VALUE      a variable of the application's environment, beside the present one; may be given again
  --user USER           whose rights the workers have, for root (default: the owner of the document root)
  -R                    run the workers as root
  --json                for programs
  -v, --verbose         advice in full, and the log
  --help                this text

Exit codes: 0 nothing but advice, 1 findings, 2 wrong arguments, or the application did not boot.
`;

const optionTypes = {
  worker: { type: 'string' },
  requests: { type: 'string', multiple: true },
  method: { type: 'string' },
  header: { type: 'string', multiple: true },
  data: { type: 'string' },
  docroot: { type: 'string' },
  fresh: { type: 'string', default: '2' },
  ignore: { type: 'string', multiple: true },
  'ignore-header': { type: 'string', multiple: true },
  allow: { type: 'string', multiple: true },
  'allow-file': { type: 'string', multiple: true },
  timeout: { type: 'string', default: '30' },
  'boot-timeout': { type: 'string', default: '30' },
  php: { type: 'string' },
  'php-ini': { type: 'string', short: 'c' },
  'no-php-ini': { type: 'boolean', short: 'n', default: false },
  define: { type: 'string', short: 'd', multiple: true },
  env: { type: 'string', multiple: true },
  user: { type: 'string' },
  'allow-to-run-as-root': { type: 'boolean', short: 'R', default: false },
  json: { type: 'boolean', default: false },
  verbose: { type: 'boolean', short: 'v', default: false },
  help: { type: 'boolean', default: false },
} as const;

export interface AuditOptions {
  /** Absolute path. */
  readonly script: string;
  readonly site: AuditSite;
  readonly requests: readonly AuditRequest[];
  /** Fresh processes a request. */
  readonly fresh: number;
  readonly ignored: Ignored;
  readonly allowed: readonly AllowEntry[];
  /** Whole seconds. */
  readonly timeout: number;
  readonly bootTimeout: number;
  readonly php: string | undefined;
  readonly phpIni: string | undefined;
  readonly noPhpIni: boolean;
  readonly defines: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly user: string | undefined;
  readonly allowRoot: boolean;
  readonly json: boolean;
  readonly isVerbose: boolean;
}

/** @throws UsageError */
export function parseAuditOptions(args: readonly string[], cwd: string): AuditOptions | 'help' {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: optionTypes,
      allowPositionals: true,
    });
    return values.help ? 'help' : read(values, positionals, cwd);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError((error as Error).message);
  }
}

type Values = ReturnType<typeof parseArgs<{ options: typeof optionTypes }>>['values'];

function read(values: Values, urls: readonly string[], cwd: string): AuditOptions {
  if (values.worker === undefined) throw new UsageError('name the script of the application with --worker');
  const script = resolve(cwd, values.worker);
  if (!isFile(script)) throw new UsageError(`--worker: there is no file "${script}"`);
  const site = siteOf(script, values.docroot === undefined ? dirname(script) : resolve(cwd, values.docroot));
  const requests = [...ofUrls(values, urls, cwd), ...ofFiles(values, cwd)];
  if (requests.length === 0) throw new UsageError('name a URL, or a file of requests with --requests');
  if (requests.length > mostRequests)
    throw new UsageError(`cannot audit ${requests.length} requests: the most are ${mostRequests}`);
  for (const request of requests) refuseFile(request, site);
  return {
    script,
    site,
    requests,
    fresh: wholeNumber('--fresh', values.fresh, 2, 10),
    ignored: {
      headers: new Set((values['ignore-header'] ?? []).map((name) => name.toLowerCase())),
      patterns: (values.ignore ?? []).map(pattern),
    },
    allowed: [
      ...(values.allow ?? []).map(parseAllowEntry),
      ...(values['allow-file'] ?? []).flatMap((name) => parseAllowFile(readText(name, cwd), name)),
    ],
    timeout: wholeNumber('--timeout', values.timeout, 1, 3600),
    bootTimeout: wholeNumber('--boot-timeout', values['boot-timeout'], 1, 3600),
    php: values.php === undefined ? undefined : phpVersion(values.php, '8.2'),
    phpIni: values['php-ini'] === undefined ? undefined : existing('-c', resolve(cwd, values['php-ini'])),
    noPhpIni: values['no-php-ini'],
    defines: (values.define ?? []).map((define) => (define.includes('=') ? define : `${define}=1`)),
    env: (values.env ?? []).map(variable),
    user: values.user,
    allowRoot: values['allow-to-run-as-root'],
    json: values.json,
    isVerbose: values.verbose,
  };
}

/** An audit sends each request some ten times. */
const mostRequests = 1000;

/** Longer bodies belong into a test of their own. */
const bodyMost = 64 * 1024 * 1024;

/** A web server names index.php for a path that is no file, whatever the worker's script is called. */
function siteOf(script: string, docroot: string): AuditSite {
  if (!statSync(docroot, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`--docroot: there is no folder "${docroot}"`);
  const index = join(docroot, 'index.php');
  return { docroot, front: isFile(index) ? index : script };
}

function ofUrls(values: Values, urls: readonly string[], cwd: string): AuditRequest[] {
  const headers = (values.header ?? []).map(parseHeader);
  const body = values.data === undefined ? undefined : dataOf(values.data, cwd);
  const method = parseMethod(values.method ?? (body === undefined ? 'GET' : 'POST'));
  return urls.map((url) => ({ method, ...parseUrl(url), headers, body }));
}

function ofFiles(values: Values, cwd: string): AuditRequest[] {
  const common: Header[] = (values.header ?? []).map(parseHeader);
  return (values.requests ?? []).flatMap((name) => {
    const folder = dirname(resolve(cwd, name));
    return parseRequestFile(readText(name, cwd), name, (body) => bodyFile(resolve(folder, body)), common);
  });
}

function dataOf(data: string, cwd: string): Uint8Array {
  return data.startsWith('@') ? bodyFile(resolve(cwd, data.slice(1))) : Buffer.from(data, 'utf8');
}

function bodyFile(path: string): Uint8Array {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info?.isFile() !== true) throw new RequestError(`there is no file "${path}" for the body`);
  if (info.size > bodyMost) throw new RequestError(`the body "${path}" is longer than ${bodyMost} bytes`);
  return readFileSync(path);
}

/** The web server answers for a file without the application. */
function refuseFile({ target }: AuditRequest, { docroot, front }: AuditSite): void {
  const path = decoded(target.split('?')[0] ?? '');
  const file = resolve(docroot, `.${path}`);
  if (file === front || !file.startsWith(`${docroot}/`) || !isFile(file)) return;
  throw new UsageError(
    `cannot audit "${target}": it is the file "${file}", which the web server would not give to the application`,
  );
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path).replaceAll('\0', '');
  } catch {
    return path;
  }
}

function readText(name: string, cwd: string): string {
  const path = resolve(cwd, name);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read "${path}": ${(error as Error).message}`);
  }
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, 'g');
  } catch (error) {
    throw new UsageError(`--ignore: ${(error as Error).message}`);
  }
}

function variable(text: string): [string, string] {
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined || /[\0\n\r]/.test(value))
    throw new UsageError(`cannot use --env ${JSON.stringify(text)}: must be NAME=VALUE on one line`);
  return [name, value];
}

function existing(option: string, path: string): string {
  if (existsSync(path)) return path;
  throw new UsageError(`${option}: there is no "${path}"`);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
