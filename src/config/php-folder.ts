/** The PHP version of a configuration file, by its folder. */

/** `/etc/php/8.2/…` (Debian) or `/etc/php82/…` (Alpine). */
const folderOfVersion = /^\/etc\/php(?:\/(?<major>\d+)\.(?<minor>\d+)|(?<joined>\d\d+))\//;

/**
 * The version of the folder that contains the file, `8.2`; undefined in other folders.
 *
 * @param file an absolute path
 */
export function versionOfFolder(file: string): string | undefined {
  const groups = folderOfVersion.exec(file)?.groups;
  if (groups === undefined) return undefined;
  const { major, minor, joined = '' } = groups;
  return major === undefined ? `${joined[0]}.${joined.slice(1)}` : `${major}.${minor}`;
}
