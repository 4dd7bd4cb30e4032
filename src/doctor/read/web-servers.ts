/** The configuration of nginx and Apache, if they are installed. Runs neither. */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { glob } from '../../config/glob.ts';
import type { ConfigSystem } from '../../config/system.ts';
import { asBinary, decodeBinary, encodeBinary } from '../../text/binary.ts';
import { readApache } from '../apache-config.ts';
import { apachePasses, apacheUser, loadsModPhp } from '../apache-passes.ts';
import type { WebServer } from '../facts.ts';
import { filesOfDump, readNginx } from '../nginx-config.ts';
import { nginxPasses, nginxUser } from '../nginx-passes.ts';
import type { FastcgiPass } from '../web-facts.ts';
import { readSystemText } from './careful-file.ts';

export interface WebChoice {
  readonly root: string;
  /** Main file, or output of `nginx -T`; default: Debian's place. */
  readonly nginx: string | undefined;
  readonly apache: string | undefined;
}

export interface WebFacts {
  readonly servers: readonly WebServer[];
  readonly passes: readonly FastcgiPass[];
  readonly hasModPhp: boolean;
}

export function readWebServers({ root, nginx, apache }: WebChoice, system: ConfigSystem): WebFacts {
  const found = [
    nginxFacts(nginx ?? join(root, 'etc/nginx/nginx.conf'), root, system),
    apacheFacts(apache ?? join(root, 'etc/apache2/apache2.conf'), root, system),
  ].filter((facts) => facts !== undefined);
  return {
    servers: found.flatMap(({ servers }) => servers),
    passes: found.flatMap(({ passes }) => passes),
    hasModPhp: found.some(({ hasModPhp }) => hasModPhp),
  };
}

function nginxFacts(file: string, root: string, system: ConfigSystem): WebFacts | undefined {
  const text = readSystemText(file, 16 * 1024 ** 2);
  if (text === undefined) return undefined;
  const dump = filesOfDump(text);
  const main = dump?.keys().next().value ?? file;
  const directives = readNginx(
    main,
    dump === undefined
      ? filesBelow(root)
      : { text: (path) => dump.get(path), matches: (pattern) => matchesIn(pattern, [...dump.keys()]) },
  );
  const user = nginxUser(directives);
  return {
    servers: [{ name: 'nginx', file, user: user === undefined ? undefined : system.lookupUser(user) }],
    passes: nginxPasses(directives, main.slice(0, main.lastIndexOf('/'))),
    hasModPhp: false,
  };
}

function apacheFacts(file: string, root: string, system: ConfigSystem): WebFacts | undefined {
  if (readSystemText(file) === undefined) return undefined;
  const variables = variablesOf(readSystemText(join(file, '../envvars')) ?? '');
  const directives = readApache(file, { ...filesBelow(root), variables });
  const user = apacheUser(directives);
  return {
    servers: [{ name: 'Apache', file, user: user === undefined ? undefined : system.lookupUser(user) }],
    passes: apachePasses(directives),
    hasModPhp: loadsModPhp(directives),
  };
}

/** `export NAME=value` of a shell, without expansion. */
function variablesOf(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^\s*export\s+(\w+)=["']?([^"'\s$]*)/gm)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  );
}

/** Paths in the files belong to the system below `root`, unless they start with it already. */
function filesBelow(root: string) {
  const place = (path: string): string =>
    root === '/' || path.startsWith(`${root}/`) ? path : join(root, path);
  return {
    text: (path: string): string | undefined => readSystemText(place(path)),
    matches: (pattern: string): string[] => {
      const result = glob(encodeBinary(place(pattern)), globSystem);
      return 'paths' in result ? result.paths.map((path) => decodeBinary(asBinary(path))) : [];
    },
  };
}

const globSystem = {
  exists: (path: string): boolean =>
    statSync(decodeBinary(asBinary(path)), { throwIfNoEntry: false }) !== undefined,
  readDirectory: (path: string) => {
    try {
      return readdirSync(decodeBinary(asBinary(path))).map(encodeBinary);
    } catch (error) {
      return { errno: (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? 20 : 2, message: '' };
    }
  },
};

/** Matches a pattern against the paths of a dump. */
function matchesIn(pattern: string, paths: readonly string[]): string[] {
  const escaped = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replace(/\*/g, '[^/]*')
    .replace(/\?/g, '[^/]');
  const expression = new RegExp(`^${escaped}$`);
  return paths.filter((path) => expression.test(path)).sort();
}
