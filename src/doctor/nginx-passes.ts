/** Places in which a configuration of nginx passes requests to FastCGI, and their settings. */

import type { NginxDirective } from './nginx-config.ts';
import { admitsStrangers, asksForFile, chooseLocation, hasReturn, matchOf } from './nginx-location.ts';
import { NginxScope, nginxBytes, nginxSeconds } from './nginx-scope.ts';
import type { FastcgiPass } from './web-facts.ts';

/** nginx's own default (ngx_http_fastcgi_module, fastcgi_read_timeout). */
const defaultReadTimeout = 60;

/** It reads no `.htaccess` files. */
const noClasses: ReadonlySet<string> = new Set();

interface Surroundings {
  readonly server: readonly NginxDirective[];
  readonly serverScope: NginxScope;
  /** Servers of each `upstream`. */
  readonly upstreams: ReadonlyMap<string, readonly string[]>;
  /** Base folder of relative paths. */
  readonly folder: string;
}

/** @param folder of the main file */
export function nginxPasses(directives: readonly NginxDirective[], folder: string): FastcgiPass[] {
  const main = new NginxScope(directives);
  return main.own('http').flatMap(({ block: http = [] }) => {
    const scope = new NginxScope(http, main);
    const upstreams = new Map(
      scope.own('upstream').map(({ args, block = [] }) => [args[0] ?? '', serversOf(block)] as const),
    );
    return scope.own('server').flatMap(({ block: server = [] }) => {
      const serverScope = new NginxScope(server, scope);
      return walk(server, serverScope, undefined, { server, serverScope, upstreams, folder });
    });
  });
}

/** The user of nginx's workers: `user`. */
export function nginxUser(directives: readonly NginxDirective[]): string | undefined {
  return new NginxScope(directives).word('user');
}

function serversOf(block: readonly NginxDirective[]): string[] {
  return block.flatMap(({ name, args: [address] }) =>
    name === 'server' && address ? [addressOf(address)] : [],
  );
}

/** As in `listen` of a pool. */
function addressOf(target: string): string {
  return target.replace(/^unix:/, '').replace(/^(\/.*):$/, '$1');
}

/** All `fastcgi_pass` in a block and its nested blocks. `location` is the innermost enclosing one. */
function walk(
  block: readonly NginxDirective[],
  scope: NginxScope,
  location: NginxDirective | undefined,
  around: Surroundings,
): FastcgiPass[] {
  return block.flatMap((directive) => {
    if (directive.name === 'fastcgi_pass') return [passOf(directive, scope, location, around)];
    const { name, block: inner } = directive;
    if (inner === undefined || !['location', 'if', 'limit_except'].includes(name)) return [];
    return walk(inner, new NginxScope(inner, scope), name === 'location' ? directive : location, around);
  });
}

function passOf(
  { args: [target = ''], place }: NginxDirective,
  scope: NginxScope,
  location: NginxDirective | undefined,
  { server, serverScope, upstreams, folder }: Surroundings,
): FastcgiPass {
  const headBuffer = scope.word('fastcgi_buffer_size');
  const cache = scope.word('fastcgi_cache');
  const checks = asksForFile(scope);
  const isOpen = admitsStrangers(scope);
  return {
    server: 'nginx',
    place,
    what: location === undefined ? 'server' : `location ${location.args.join(' ')}`,
    targets: target.includes('$') ? [] : (upstreams.get(target) ?? [addressOf(target)]),
    docroot: docrootOf(scope, folder),
    resolvesLinks: scope.param('SCRIPT_FILENAME')?.includes('$realpath_root') ?? false,
    passesMissing: isOpen && !checks && clientChooses(scope, location),
    readTimeout: nginxSeconds(scope.word('fastcgi_read_timeout') ?? String(defaultReadTimeout)),
    buffers: scope.word('fastcgi_buffering') !== 'off',
    headBuffer: headBuffer === undefined ? undefined : nginxBytes(headBuffer),
    caches: cache !== undefined && cache !== 'off',
    admitsStrangers: isOpen,
    overrides: () => noClasses,
    reaches: (path) =>
      isOpen &&
      isPublic(serverScope) &&
      !checks &&
      namesRequest(scope) &&
      location !== undefined &&
      chooseLocation(server, path) === location,
  };
}

/** Listens beyond loopback and answers itself. */
function isPublic(server: NginxScope): boolean {
  const addresses = server.own('listen').map(({ args: [address = ''] }) => address);
  const isPrivate = (address: string): boolean => /^(?:127\.|localhost(?::|$)|\[::1\]|unix:)/.test(address);
  return !hasReturn(server) && (addresses.length === 0 || !addresses.every(isPrivate));
}

/** A folder without variables; `alias` replaces a prefix location. */
function docrootOf(scope: NginxScope, folder: string): string | undefined {
  const path = scope.own('alias')[0]?.args[0] ?? scope.word('root');
  if (path === undefined || path.includes('$')) return undefined;
  const full = path.startsWith('/') ? path : `${folder}/${path}`;
  return full.length > 1 ? full.replace(/\/+$/, '') : full;
}

/** PHP-FPM takes the path of its status page from SCRIPT_NAME. */
function namesRequest(scope: NginxScope): boolean {
  return scope.param('SCRIPT_NAME')?.includes('$') ?? false;
}

/** `^/index\.php(/|$)` matches one script, `^/(index|app)\.php$` two, `^/(status|ping)$` only two names. */
const fixedNames = /^\^\/(?:[\w/-]|\\[.-]|\((?:\?:)?[\w|-]+\))+(?:\$$|\(\/\|\$\)|\(\?:\/\|\$\))/;

/**
 * Whether the request's path selects the script: the location matches many scripts, and SCRIPT_FILENAME derives from
 * the path.
 */
function clientChooses(scope: NginxScope, location: NginxDirective | undefined): boolean {
  const script = scope.param('SCRIPT_FILENAME') ?? '';
  if (!/\$\{?(?:fastcgi_script_name|uri|document_uri|request_filename|request_uri)\b/.test(script))
    return false;
  if (location === undefined) return true;
  const { kind, pattern } = matchOf(location);
  if (kind === '=' || kind.startsWith('@') || scope.own('internal').length > 0) return false;
  return !(kind.startsWith('~') && fixedNames.test(pattern));
}
