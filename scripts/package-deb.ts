/**
 * Makes a Debian package of this checkout: `npm run package:deb [-- --out FOLDER]`. It holds Node, the production
 * packages, and the native engine for the PHP of the machine that makes it, where there is one (php-dev and a C compiler).
 * Source: deb-control(5), dpkg-deb(1).
 */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { buildEngine, sourcesHash } from '../src/engine/native/build.ts';
import { NativeEngineError, readPhpConfig } from '../src/engine/native/php-config.ts';
import { listEngines, staleReason } from '../src/engine/native/store.ts';
import { placeProgram, readManifest, root } from './program-folder.ts';

/** Where it is installed: a folder with the package as npm has it, so that nothing is different but the place. */
const place = '/usr/lib/hathi';

/** What Node needs of Debian, libc first. */
export const debianDependencies = ['libc6', 'libstdc++6', 'libatomic1'] as const;

export interface PackageOptions {
  /** The folder for the package. */
  readonly out: string;
  /** Of the compression, 1 to 19; 0 for none. */
  readonly level: string;
  /** A folder with a build of these sources, in place of one that is made now. */
  readonly engine?: string | undefined;
  /** Which PHP the engine is for; the first that is found otherwise. */
  readonly 'php-config'?: string | undefined;
}

/** @returns the .deb. @throws Error with what a tool said */
export function makePackage(options: PackageOptions): string {
  const { out, level } = options;
  const manifest = readManifest();
  const stage = mkdtempSync(join(tmpdir(), 'hathi-deb-'));
  try {
    chmodSync(stage, 0o755);
    const home = join(stage, place);
    placeProgram(home, manifest);
    const php = placeEngine(home, options);
    placeSystemFiles(stage);
    placeControl(stage, manifest.version, php);
    mkdirSync(out, { recursive: true });
    const file = join(out, `hathi_${manifest.version}_${architecture()}.deb`);
    const compression = level === '0' ? ['-Znone'] : ['-Zzstd', `-z${level}`];
    execFileSync('dpkg-deb', ['--root-owner-group', ...compression, '--build', stage, file], {
      stdio: 'pipe',
    });
    return file;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function architecture(): string {
  return execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
}

/** @returns the version of PHP that the package has an engine for */
function placeEngine(home: string, { engine, 'php-config': phpConfig }: PackageOptions): string | undefined {
  const folder = join(home, 'engines');
  try {
    if (engine !== undefined) cpSync(engine, folder, { recursive: true });
    const [there] = listEngines(folder);
    const stale = there && staleReason(there, sourcesHash());
    if (stale !== undefined) throw new NativeEngineError(`Cannot pack "${engine}": ${stale}`);
    const { record } = there ?? buildEngine(readPhpConfig(phpConfig), folder, { hosting: 'preload' });
    return /^\d+\.\d+/.exec(record.php)?.[0];
  } catch (error) {
    if (!(error instanceof NativeEngineError) || (phpConfig ?? engine) !== undefined) throw error;
    return undefined;
  }
}

function placeSystemFiles(stage: string): void {
  const put = (source: string, target: string, change = (text: string) => text): void => {
    mkdirSync(dirname(join(stage, target)), { recursive: true });
    writeFileSync(join(stage, target), change(readFileSync(join(root, source), 'utf8')));
  };
  const compressed = (source: string, target: string): void => {
    mkdirSync(dirname(join(stage, target)), { recursive: true });
    writeFileSync(join(stage, target), gzipSync(readFileSync(join(root, source)), { level: 9 }));
  };
  mkdirSync(join(stage, 'usr/bin'), { recursive: true });
  symlinkSync('../lib/hathi/bin/hathi', join(stage, 'usr/bin/hathi'));
  put('examples/systemd/hathi.service', '/lib/systemd/system/hathi.service', (unit) =>
    unit
      .replace(/^# Place: .*\n/m, '')
      .replaceAll('/usr/local/bin/hathi', '/usr/bin/hathi')
      .replaceAll('/usr/local/lib/hathi/node_modules/hathi', place),
  );
  put('packaging/deb/tmpfiles.conf', '/usr/lib/tmpfiles.d/hathi.conf');
  put('examples/logrotate/hathi', '/etc/logrotate.d/hathi');
  put('examples/completion/hathi', '/usr/share/bash-completion/completions/hathi');
  put('LICENSE', '/usr/share/doc/hathi/copyright');
  compressed('CHANGELOG.md', '/usr/share/doc/hathi/changelog.gz');
  compressed('docs/man/hathi.8', '/usr/share/man/man8/hathi.8.gz');
  compressed('docs/man/hathi.conf.5', '/usr/share/man/man5/hathi.conf.5.gz');
}

function placeControl(stage: string, version: string, php: string | undefined): void {
  const folder = join(stage, 'DEBIAN');
  mkdirSync(folder);
  const engine =
    php === undefined
      ? ' This package has no native engine: "hathi build" makes one.\n'
      : ` It has the native engine for PHP ${php}.\n`;
  writeFileSync(
    join(folder, 'control'),
    `Package: hathi
Version: ${version}
Section: httpd
Priority: optional
Architecture: ${architecture()}
Maintainer: Hathi maintainers <maintainers@hathi.invalid>
Installed-Size: ${kibibytes(stage)}
Depends: libc6 (>= 2.28), ${debianDependencies.slice(1).join(', ')}
Recommends: ${php === undefined ? 'php-cli' : `php${php}-cli`}
Suggests: gcc, libc6-dev, php-dev, nginx | apache2
Description: FastCGI process manager for PHP
 Reads the configuration of PHP-FPM and serves its pools behind nginx, Apache, Caddy
 and HAProxy.
${engine}`,
  );
  writeFileSync(join(folder, 'conffiles'), '/etc/logrotate.d/hathi\n');
  for (const name of ['postinst', 'prerm', 'postrm', 'triggers']) {
    copyFileSync(join(root, 'packaging/deb', name), join(folder, name));
    chmodSync(join(folder, name), name === 'triggers' ? 0o644 : 0o755);
  }
}

function kibibytes(folder: string): number {
  return Number(/^\d+/.exec(execFileSync('du', ['-sk', folder], { encoding: 'utf8' }))?.[0] ?? 0);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: join(root, 'packages') },
      level: { type: 'string', default: '19' },
      engine: { type: 'string' },
      'php-config': { type: 'string' },
    },
  });
  if (!existsSync(join(root, 'node_modules/typescript'))) throw new Error('run "sh scripts/setup.sh" first');
  console.log(makePackage(values));
}
