/**
 * Security releases of PHP as far as they were known when this version of Hathi was made (php.net, the changelogs
 * and security advisories). The embedded PHP comes from a package whose releases follow PHP's with a delay, and of
 * branches that have ended; so what runs is compared with this table, and what it lacks is said.
 */

interface SecurityRelease {
  readonly release: string;
  /** ISO date. */
  readonly date: string;
  /** What it fixes, as an operator needs to hear it. */
  readonly fixes: string;
}

const october = {
  date: '2026-10-21',
  fixes: 'remote code execution on exhausted memory, CVE-2026-109618 and -109619',
};
const november = {
  fixes: 'request smuggling by an unread body, XSS on the status page',
};

/** Of each branch that is maintained, newest last; branches before 8.2 get no fixes from php.net any more. */
export const securityReleases: Readonly<Record<string, readonly SecurityRelease[]>> = {
  '8.5': [
    { release: '8.5.12', ...october },
    { release: '8.5.13', date: '2026-11-19', ...november },
  ],
  '8.4': [
    { release: '8.4.27', ...october },
    { release: '8.4.28', date: '2026-11-19', ...november },
  ],
  '8.3': [
    { release: '8.3.36', ...october },
    { release: '8.3.37', date: '2026-11-19', ...november },
  ],
  '8.2': [
    { release: '8.2.35', ...october },
    { release: '8.2.36', date: '2026-11-18', ...november },
  ],
};

const consequence =
  "keep it on loopback, one site a pool with engine.isolation = request, or use your distribution's PHP";

/**
 * One sentence about the security fixes that a PHP lacks, and what follows; undefined when it has all of the table.
 *
 * @param version exact version, `8.4.25`
 */
export function securityWarning(version: string): string | undefined {
  const [major = '', minor = '', patch = ''] = version.split('.');
  const known = securityReleases[`${major}.${minor}`];
  if (known === undefined) {
    return isOlderBranch(Number(major), Number(minor))
      ? `PHP ${version} gets no security fixes any more; ${consequence}`
      : undefined;
  }
  const missing = known.filter(({ release }) => Number(release.split('.')[2]) > Number.parseInt(patch, 10));
  if (missing.length === 0) return undefined;
  const fixes = missing.map(({ release, date, fixes: what }) => `${release} of ${date} (${what})`);
  return `PHP ${version} lacks the security fixes of ${fixes.join(' and ')}; ${consequence}`;
}

/** Branches after the newest of the table are unknown to it, which is not the same as unsafe. */
function isOlderBranch(major: number, minor: number): boolean {
  return major < 8 || (major === 8 && minor < 2);
}
