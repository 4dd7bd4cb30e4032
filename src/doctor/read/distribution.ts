/** Facts about an installed PHP from Debian and its derivatives: package, changelog, release. */

import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readCarefully, readSystemText } from './careful-file.ts';

const statusLimit = 64 * 1024 ** 2;
const changelogLimit = 4 * 1024 ** 2;

/** The PHP of a release and its end of support there (wiki.debian.org/LTS, ubuntu.com/about/release-cycle). */
const releases: Readonly<Record<string, { readonly php: string; readonly until: string }>> = {
  bullseye: { php: '7.4', until: '2026-08-31' },
  bookworm: { php: '8.2', until: '2028-06-30' },
  trixie: { php: '8.4', until: '2030-06-30' },
  jammy: { php: '8.1', until: '2027-04-30' },
  noble: { php: '8.3', until: '2029-04-30' },
};

export interface InstalledPhp {
  /** Name of the package whose version it is. */
  readonly name: string | undefined;
  /** Without the distribution's suffix: `8.2.36`. */
  readonly version: string | undefined;
  /** CVEs in its changelog. */
  readonly fixed: ReadonlySet<string>;
  /** ISO date. */
  readonly until: string | undefined;
}

/**
 * The installed package of a PHP branch.
 *
 * @param root `/`, or the root folder of another system
 */
export function readInstalledPhp(root: string, branch: string): InstalledPhp {
  const packages = ['fpm', 'cli', 'common'].map((part) => `php${branch}-${part}`);
  const [name, full] =
    installedPackage(readSystemText(join(root, 'var/lib/dpkg/status'), statusLimit) ?? '', packages) ?? [];
  const version = full === undefined ? undefined : /^(?:\d+:)?(\d+\.\d+\.\d+)/.exec(full)?.[1];
  const codename = /^VERSION_CODENAME=["']?(\w+)/m.exec(
    readSystemText(join(root, 'etc/os-release')) ?? '',
  )?.[1];
  const release = releases[codename ?? ''];
  // A package of another archive has its own version form (`+0~20261119.1+debian12`).
  const isOwn = release?.php === branch && full !== undefined && !/\+0~/.test(full);
  const changelogs = packages.map((name) =>
    readChangelog(join(root, 'usr/share/doc', name, 'changelog.Debian.gz')),
  );
  return {
    name,
    version,
    fixed: new Set(changelogs.flatMap((text) => text.match(/CVE-\d{4}-\d{4,}/g) ?? [])),
    until: isOwn ? release.until : undefined,
  };
}

/** Name and version of the first installed one of the packages. */
function installedPackage(
  status: string,
  packages: readonly string[],
): readonly [name: string, version: string] | undefined {
  for (const name of packages) {
    const start = status.startsWith(`Package: ${name}\n`) ? 0 : status.indexOf(`\nPackage: ${name}\n`);
    if (start < 0) continue;
    const end = status.indexOf('\n\n', start + 1);
    const stanza = status.slice(start, end < 0 ? undefined : end);
    const version = /^Version: (\S+)$/m.exec(stanza)?.[1];
    if (version !== undefined && /^Status: .* installed$/m.test(stanza)) return [name, version];
  }
  return undefined;
}

function readChangelog(path: string): string {
  const packed = readCarefully(path, { limit: changelogLimit, followsLinks: true });
  if (packed === undefined) return '';
  try {
    return gunzipSync(packed, { maxOutputLength: 4 * changelogLimit }).toString('utf8');
  } catch {
    return '';
  }
}
