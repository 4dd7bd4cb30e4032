/**
 * The embedded PHP comes from a package whose releases follow PHP's with a delay, and of branches that have ended; so
 * what runs is compared with the table of security releases, and what it lacks is said.
 */

import { missingReleases, securityReleases } from '../../security-releases.ts';

const consequence =
  "keep it on loopback, one site a pool with engine.isolation = request, or use your distribution's PHP";

/** So many are told with what they fix. */
const told = 2;

/**
 * One sentence about the security fixes that a PHP lacks, and what follows; undefined when it has all of the table.
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

/** The newest release has fixes for the branches that are maintained; one after them all is unknown, not unsafe. */
function isEnded(branch: string): boolean {
  const maintained = Object.keys(securityReleases.at(-1)?.releases ?? {});
  const isOlder = (than: string): boolean => branch.localeCompare(than, 'en', { numeric: true }) < 0;
  return maintained.every(isOlder);
}
