/** Finds the installed embedded PHP of a version. The packages are optional, so they are looked up by name. */

import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { phpFolders } from './store.ts';

/** PHP versions with an engine package, newest first. */
export const knownVersions = ['8.5', '8.4', '8.3', '8.2', '8.1', '8.0', '7.4'] as const;

/** The default version of a pool. */
export const defaultVersion = '8.4';

/** The installed engine of a PHP version. */
export interface EnginePackage {
  /** `8.4` */
  readonly version: string;
  /** Exact version, `8.4.25`. */
  readonly phpVersion: string;
  /** Absolute path of the JavaScript loader. */
  readonly loaderPath: string;
  /** Absolute path of the WebAssembly binary. */
  readonly wasmPath: string;
}

/** The engine of this PHP version is missing or unusable; the message has the remedy. */
export class EnginePackageError extends Error {
  readonly code = 'HATHI_ENGINE_PACKAGE';
}

/** The npm package for a version. */
export function packageName(version: string): string {
  return `@php-wasm/node-${version.replace('.', '-')}`;
}

export function isKnownVersion(version: string): boolean {
  return knownVersions.some((known) => known === version);
}

/**
 * Folder of the package: beside Hathi, in the project of the current folder, or where `hathi php add` installs it.
 * Undefined when it is not installed.
 */
export function packageFolder(version: string): string | undefined {
  const projects = [process.cwd(), ...phpFolders()].map((folder) => join(folder, 'package.json'));
  for (const start of [import.meta.url, ...projects]) {
    try {
      return dirname(createRequire(start).resolve(`${packageName(version)}/package.json`));
    } catch {
      // Not found here: try the next place.
    }
  }
  return undefined;
}

/**
 * Finds the engine of a PHP version (`8.4`).
 *
 * @throws EnginePackageError when the version is unknown, not installed, or this Node cannot run it.
 */
export function findEngine(version: string): EnginePackage {
  if (!isKnownVersion(version)) {
    throw new EnginePackageError(
      `cannot run PHP "${version}" in the embedded engine: it has ${knownVersions.join(', ')}`,
    );
  }
  if (!('Suspending' in WebAssembly)) {
    throw new EnginePackageError(
      `cannot run the embedded PHP on Node ${process.versions.node}: it needs Node 24 or newer`,
    );
  }
  const folder = packageFolder(version);
  if (folder === undefined) {
    throw new EnginePackageError(
      `the embedded PHP ${version} is not installed: run "hathi php add ${version}"`,
    );
  }
  const base = `php_${version.replace('.', '_')}`;
  const builds = join(folder, 'jspi');
  const release = readdirSync(builds).find((name) => /^\d+_\d+_\d+$/.test(name));
  if (release === undefined) {
    throw new EnginePackageError(
      `the package in "${folder}" has no PHP binary: run "npm install ${packageName(version)}" again`,
    );
  }
  return {
    version,
    phpVersion: release.replaceAll('_', '.'),
    loaderPath: join(builds, `${base}.js`),
    wasmPath: join(builds, release, `${base}.wasm`),
  };
}

/** Installed versions, newest first. */
export function installedVersions(): string[] {
  return knownVersions.filter((version) => packageFolder(version) !== undefined);
}
