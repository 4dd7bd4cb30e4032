/** Comparing versions of PHP. */

/** Whether a version `8.4.25` is of that branch or a later one. What is no version is not. */
export function isAtLeast(version: string, wantedMajor: number, wantedMinor: number): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
