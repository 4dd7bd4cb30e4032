/**
 * The embedded PHP comes from a package that follows PHP's releases with a delay, possibly of an unmaintained branch;
 * so the running version is compared with the table of security releases, and missing fixes are reported.
 */

import { missingReleases, securityReleases } from '../../security-releases.ts';

const consequence =
  "keep it on loopback, one site a pool with engine.isolation = request, or use your distribution's PHP";

/** Number of releases that are listed with their fixes. */
const told = 2;

/**
 * One sentence about missing security fixes of a PHP and the consequence; undefined when it has all of the table.
 *
 * @param version exact version, `8.4.25`
 */
export function securityWarning(version: string): string | undefined {
  const branch = version.split('.').slice(0, 2).join('.');
  if (isEnded(branch)) return `PHP ${version} gets no security fixes any more; ${consequence}`;
  const missing = missingReleases(version);
  if (missing.length === 0) return undefined;
  const fixes = missing.slice(-told).map(({ releases, date, fixes: what }) => {
    return `${releases[branch]}${date === undefined ? '' : ` of ${date}`} (${what})`;
  });
  if (missing.length > told) fixes.unshift(counted(missing.length - told));
  return `PHP ${version} lacks the security fixes of ${fixes.join(' and ')}; ${consequence}`;
}

function counted(earlier: number): string {
  return earlier === 1 ? 'an earlier release' : `${earlier} earlier releases`;
}

/** The newest release has fixes for the maintained branches; a branch newer than all is unknown, not unsafe. */
function isEnded(branch: string): boolean {
  const maintained = Object.keys(securityReleases.at(-1)?.releases ?? {});
  const isOlder = (than: string): boolean => branch.localeCompare(than, 'en', { numeric: true }) < 0;
  return maintained.every(isOlder);
}
