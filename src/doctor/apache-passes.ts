/** Places in which a configuration of Apache passes requests to FastCGI, and their settings (mod_proxy_fcgi). */

import type { ApacheDirective } from './apache-config.ts';
import type { FastcgiPass } from './web-facts.ts';

/** Apache's own default (core, Timeout). */
const defaultTimeout = 60;

/** Sections, outermost first. */
type Path = readonly ApacheDirective[];

export function apachePasses(directives: readonly ApacheDirective[]): FastcgiPass[] {
  return walk(directives, [], directives);
}

/** Whether PHP runs inside of Apache as well. */
export function loadsModPhp(directives: readonly ApacheDirective[]): boolean {
  return directives.some(
    ({ name, args: [module = ''] }) => name === 'loadmodule' && /^php\d*_module$/.test(module),
  );
}

/** The user of Apache's workers: `User`. */
export function apacheUser(directives: readonly ApacheDirective[]): string | undefined {
  return directives.findLast(({ name }) => name === 'user')?.args[0];
}

function walk(block: readonly ApacheDirective[], path: Path, top: readonly ApacheDirective[]): FastcgiPass[] {
  return block.flatMap((directive) => {
    if (directive.block !== undefined) return walk(directive.block, [...path, directive], top);
    const target = targetOf(directive);
    return target === undefined ? [] : [passOf(directive, target, path, top)];
  });
}

/** `proxy:unix:/path|fcgi://localhost/`, `proxy:fcgi://127.0.0.1:9000`, and the same as a URL of ProxyPass. */
function targetOf({ name, args }: ApacheDirective): string | undefined {
  const handler = name === 'sethandler' ? args[0]?.replace(/^proxy:/i, '') : undefined;
  const url = /^proxypass(?:match)?$/.test(name) ? args.find((arg) => arg.includes('fcgi://')) : undefined;
  const text = handler ?? url ?? '';
  return /^unix:([^|]+)\|fcgi:/i.exec(text)?.[1] ?? /^fcgi:\/\/([^/|]+)/i.exec(text)?.[1];
}

function passOf(
  directive: ApacheDirective,
  target: string,
  path: Path,
  top: readonly ApacheDirective[],
): FastcgiPass {
  const host = path.find(({ name }) => name === 'virtualhost')?.block ?? [];
  const setting = (name: string): string | undefined =>
    [host, top].map((block) => block.findLast((each) => each.name === name)?.args[0]).find((value) => value);
  const isClosed = (request: string): boolean =>
    path.some(({ block = [] }) => block.some(restricts)) ||
    [...host, ...top].some((section) => isGuard(section) && fits(section, [section], request));
  const needsFile = path.some(({ name, args }) => name === 'if' && /(?:^|\s|\()-[fF]\s/.test(args.join(' ')));
  return {
    server: 'Apache',
    place: directive.place,
    what: whatOf(directive, path),
    targets: [target],
    docroot: setting('documentroot'),
    // Apache has no setting for it.
    resolvesLinks: true,
    // SetHandler runs for a file that Apache has found; ProxyPassMatch for any matching path.
    passesMissing: directive.name === 'proxypassmatch' && /php/.test(directive.args[0] ?? ''),
    readTimeout:
      timeoutOf(directive, top) ?? Number(setting('proxytimeout') ?? setting('timeout') ?? defaultTimeout),
    buffers: true,
    headBuffer: undefined,
    caches: [...host, ...top].some(({ name }) => name === 'cacheenable'),
    admitsStrangers: !path.some(({ block = [] }) => block.some(restricts)),
    overrides: (folder) => overridesAt(folder, [...top, ...host]),
    reaches: (request) => !isClosed(request) && !needsFile && fits(directive, path, request),
  };
}

/** AllowOverride of the longest <Directory> at or above a folder; patterns are left out. Apache's default is none. */
function overridesAt(folder: string, directives: readonly ApacheDirective[]): ReadonlySet<string> {
  const sections = directives.filter(
    ({ name, args: [path = ''], block = [] }) =>
      name === 'directory' &&
      `${folder}/`.startsWith(path.endsWith('/') ? path : `${path}/`) &&
      block.some((each) => each.name === 'allowoverride'),
  );
  const longest = Math.max(0, ...sections.map(({ args: [path = ''] }) => path.replace(/\/$/, '').length));
  const nearest = sections.findLast(({ args: [path = ''] }) => path.replace(/\/$/, '').length === longest);
  const words = nearest?.block?.findLast(({ name }) => name === 'allowoverride')?.args ?? [];
  return new Set(
    words.map((word) => word.toLowerCase().replace(/=.*/, '')).filter((word) => word !== 'none'),
  );
}

/** `timeout=` of the directive, or of `ProxySet` in a section <Proxy>. */
function timeoutOf({ args }: ApacheDirective, top: readonly ApacheDirective[]): number | undefined {
  const sets = [...allOf(top, 'proxyset'), { args }].flatMap((each) => each.args);
  const found = sets.map((arg) => /^timeout=(\d+)$/i.exec(arg)?.[1]).find((digits) => digits !== undefined);
  return found === undefined ? undefined : Number(found);
}

function allOf(block: readonly ApacheDirective[], name: string): ApacheDirective[] {
  return block.flatMap((each) =>
    each.block === undefined ? (each.name === name ? [each] : []) : allOf(each.block, name),
  );
}

/** `Require` of anything but everybody, and its older form. */
export function restricts({ name, args }: Pick<ApacheDirective, 'name' | 'args'>): boolean {
  if (name === 'require') return args.join(' ').toLowerCase() !== 'all granted';
  return (name === 'deny' && /all/i.test(args.join(' '))) || name === 'authtype';
}

/** A section for certain paths or files that restricts access. */
function isGuard({ name, block = [] }: ApacheDirective): boolean {
  return /^(?:location|files)/.test(name) && block.some(restricts);
}

function whatOf({ name, args }: ApacheDirective, path: Path): string {
  const section = path.findLast((each) => /^(?:files|location|directory)/.test(each.name));
  return section === undefined ? `${name} ${args[0] ?? ''}` : `<${section.name} ${section.args.join(' ')}>`;
}

/** Whether a request for a path without a file reaches the directive. */
function fits({ name, args }: ApacheDirective, path: Path, request: string): boolean {
  const [pattern = ''] = args;
  if (name === 'proxypass' && pattern.startsWith('/')) return request.startsWith(pattern);
  if (name === 'proxypassmatch') return matches(pattern, request);
  const file = request.slice(request.lastIndexOf('/') + 1);
  return path.every((section) => {
    const [first = '', second] = section.args;
    const isPattern = first === '~';
    const value = isPattern ? (second ?? '') : first;
    switch (section.name) {
      case 'location':
        return isPattern ? matches(value, request) : request.startsWith(value);
      case 'locationmatch':
        return matches(value, request);
      case 'files':
        return isPattern ? matches(value, file) : value === file;
      case 'filesmatch':
        return matches(value, file);
      case 'if':
        return false;
      default:
        return true;
    }
  });
}

function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}
