/**
 * Selects the location of a request, and decides whether strangers may ask (nginx.org, ngx_http_core_module,
 * ngx_http_access_module).
 */

import type { NginxDirective } from './nginx-config.ts';
import type { NginxScope } from './nginx-scope.ts';

interface Match {
  /** `=`, `^~`, `~`, `~*`, `@`, or '' for a prefix. */
  readonly kind: string;
  readonly pattern: string;
}

/** `location ~ \.php$`: the form of a path. */
export function matchOf({ args }: NginxDirective): Match {
  const [first = '', second] = args;
  if (second !== undefined) return { kind: first, pattern: second };
  // `location =/x` and `location ~\.php$` are valid without a blank as well.
  const [, kind = '', pattern = ''] = /^(=|\^~|~\*|~|@)?(.*)$/s.exec(first) ?? [];
  return { kind, pattern };
}

/**
 * nginx's choice of a location: an exact one, else the first matching regular expression unless the longest prefix
 * forbids that, else the longest prefix.
 */
export function chooseLocation(block: readonly NginxDirective[], path: string): NginxDirective | undefined {
  const locations = block
    .filter((directive) => directive.name === 'location')
    .map((directive) => ({ directive, ...matchOf(directive) }));
  const exact = locations.find(({ kind, pattern }) => kind === '=' && pattern === path);
  if (exact !== undefined) return exact.directive;
  const [longest] = locations
    .filter(({ kind, pattern }) => (kind === '' || kind === '^~') && path.startsWith(pattern))
    .sort((left, right) => right.pattern.length - left.pattern.length);
  // Nested locations come before regular expressions of the level above.
  const nested = longest === undefined ? undefined : chooseLocation(longest.directive.block ?? [], path);
  if (nested !== undefined && isRegular(nested)) return nested;
  if (longest?.kind !== '^~') {
    const regular = locations.find(
      ({ directive, pattern }) => isRegular(directive) && matches(directive, pattern, path),
    );
    if (regular !== undefined)
      return chooseLocation(regular.directive.block ?? [], path) ?? regular.directive;
  }
  return nested ?? longest?.directive;
}

function isRegular(directive: NginxDirective): boolean {
  return matchOf(directive).kind.startsWith('~');
}

/** A PCRE unknown to JavaScript matches nothing: unknown facts give no finding. */
function matches(directive: NginxDirective, pattern: string, path: string): boolean {
  try {
    return new RegExp(pattern, matchOf(directive).kind === '~*' ? 'i' : '').test(path);
  } catch {
    return false;
  }
}

/** Whether a client of another network without a password passes the access rules. */
export function admitsStrangers(scope: NginxScope): boolean {
  if (scope.own('internal').length > 0 || hasReturn(scope)) return false;
  if (scope.own('if').some(({ block = [] }) => block.some(({ name }) => name === 'return'))) return false;
  const basic = scope.word('auth_basic');
  if (basic !== undefined && basic !== 'off') return false;
  const request = scope.word('auth_request');
  if (request !== undefined && request !== 'off') return false;
  // The first matching rule counts, and a rule for certain addresses does not match a stranger.
  const rule = scope.all('allow', 'deny').find(({ args }) => args[0] === 'all');
  return rule?.name !== 'deny';
}

export function hasReturn(scope: NginxScope): boolean {
  return scope.own('return').length > 0;
}

/** Whether the file must exist: try_files with a name of the request, or a condition on it. */
export function asksForFile(scope: NginxScope): boolean {
  const tries = scope.own('try_files').some(({ args }) => args.slice(0, -1).some((arg) => arg.includes('$')));
  const asks = scope.own('if').some(({ args, block = [] }) => {
    return (
      /!-[fe]\b/.test(args.join(' ')) && block.some(({ name }) => name === 'return' || name === 'rewrite')
    );
  });
  return tries || asks;
}
