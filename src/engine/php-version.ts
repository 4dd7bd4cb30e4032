/** Compares versions of PHP. */

/** Whether a version such as `8.4.25` is of that branch or later; false for an invalid version. */
export function isAtLeast(version: string, wantedMajor: number, wantedMinor: number): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
