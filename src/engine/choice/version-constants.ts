/** PHP constants in a configuration that depend on the PHP version: `php_value[x] = PHP_VERSION`. */

import { defaultVersion, EnginePackageError, findEngine } from '../embedded/php/package.ts';
import { locateEngine } from '../native/locate.ts';

/** By name, from the parts of a version `8.2.36-dev`. */
const versionConstants: Readonly<Record<string, (version: VersionParts) => string>> = {
  PHP_VERSION: ({ text }) => text,
  PHP_MAJOR_VERSION: ({ major }) => String(major),
  PHP_MINOR_VERSION: ({ minor }) => String(minor),
  PHP_RELEASE_VERSION: ({ release }) => String(release),
  PHP_EXTRA_VERSION: ({ extra }) => extra,
  PHP_VERSION_ID: ({ major, minor, release }) => String(major * 10_000 + minor * 100 + release),
  // Since 8.4 without E_STRICT.
  E_ALL: ({ major, minor }) => (major * 100 + minor >= 804 ? '30719' : '32767'),
};

interface VersionParts {
  readonly text: string;
  readonly major: number;
  readonly minor: number;
  readonly release: number;
  readonly extra: string;
}

/**
 * Value of such a constant for the PHP of `engine = auto`: one file may be for pools of several versions, while PHP-FPM
 * has only one.
 *
 * @param versionOf replaced in tests
 * @returns undefined for every other name, and without a PHP
 */
export function versionConstant(
  name: string,
  versionOf: () => string | undefined = autoVersion,
): string | undefined {
  if (!Object.hasOwn(versionConstants, name)) return undefined;
  const text = versionOf();
  const parts = /^(\d+)\.(\d+)\.(\d+)(.*)$/.exec(text ?? '');
  if (text === undefined || parts === null) return undefined;
  const [, major, minor, release, extra = ''] = parts;
  return versionConstants[name]?.({
    text,
    major: Number(major),
    minor: Number(minor),
    release: Number(release),
    extra,
  });
}

function autoVersion(): string | undefined {
  const located = locateEngine(undefined);
  if ('engine' in located) return located.engine.record.php;
  try {
    return findEngine(defaultVersion).phpVersion;
  } catch (error) {
    if (error instanceof EnginePackageError) return undefined;
    throw error;
  }
}
