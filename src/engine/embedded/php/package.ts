/** Where the embedded PHP of a version is installed. The packages are optional, so they are looked up by name. */

import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { phpFolders } from './store.ts';

/** PHP versions for which an engine package exists, newest first. */
export const knownVersions = ['8.5', '8.4', '8.3', '8.2', '8.1', '8.0', '7.4'] as const;

/** The version of a pool that names none. */
export const defaultVersion = '8.4';

/** The installed engine of one PHP version. */
export interface EnginePackage {
  /** `8.4` */
  readonly version: string;
  /** Exact version, `8.4.25`. */
  readonly phpVersion: string;
  /** Absolute path of the JS module that knows how to start the binary. */
  readonly loaderPath: string;
  /** Absolute path of the WebAssembly binary. */
  readonly wasmPath: string;
}

/** The engine of this PHP version is not there or not usable; the message says what to do. */
export class EnginePackageError extends Error {
  readonly code = 'HATHI_ENGINE_PACKAGE';
}

/** The npm package of a version. */
export function packageName(version: string): string {
  return `@php-wasm/node-${version.replace('.', '-')}`;
}

export function isKnownVersion(version: string): boolean {
  return knownVersions.some((known) => known === version);
}

/**
 * Folder of the package: beside Hathi itself, in the project that is the current folder, or where `hathi php add` puts
 * it. Undefined where it is not installed.
 */
export function packageFolder(version: string): string | undefined {
  const projects = [process.cwd(), ...phpFolders()].map((folder) => join(folder, 'package.json'));
  for (const start of [import.meta.url, ...projects]) {
    try {
      return dirname(createRequire(start).resolve(`${packageName(version)}/package.json`));
    } catch {
      // Not reachable from here; the next place may have it.
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

/** The versions that are installed, newest first. */
export function installedVersions(): string[] {
  return knownVersions.filter((version) => packageFolder(version) !== undefined);
}
