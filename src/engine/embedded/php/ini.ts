/** The initial ini text of an embedded PHP: defaults, then the user's php.ini, then -d, then required values. */

import { accessSync, constants, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extensionLine, extensionName, wantedExtensions } from './extensions.ts';
import { debianIncludePath } from './host-constants.ts';
import { usableBytes } from './stack-guard.ts';

export interface IniSources {
  /** `8.4` */
  readonly version: string;
  /** Text of the main php.ini as a binary string; empty without one. */
  readonly mainIni: string;
  /** `-d` entries, in order. */
  readonly defines: readonly (readonly [string, string])[];
  /** Loadable extensions, in addition to compiled-in ones. */
  readonly loadable?: readonly string[];
  /** `php_value` and `php_admin_value` of the pool. */
  readonly poolValues?: readonly (readonly [string, string])[];
}

export interface ComposedIni {
  readonly text: string;
  /** Unsupported settings of the user, one sentence each, for the log. */
  readonly warnings: readonly string[];
}

/** Bytes of the C stack in use where PHP starts counting. */
const startBytes = 64 * 1024;

/** Session folder of Debian's packages. */
const sessionFolder = '/var/lib/php/sessions';
const caBundle = '/etc/ssl/certs/ca-certificates.crt';

function hasSharedOpcache(version: string): boolean {
  // PHP 7.4 and 8.0 cannot map OPcache's memory in WebAssembly and would abort at their start.
  return version !== '7.4' && version !== '8.0';
}

/**
 * Storage of sessions. Users of Debian's folder cannot list it, and a timer of the package cleans it, so PHP's own
 * garbage collection is off there, as in Debian's PHP: it would fail now and then.
 */
function sessionStore(): (readonly [string, string])[] {
  try {
    accessSync(sessionFolder, constants.W_OK | constants.X_OK);
    return [
      ['session.save_path', sessionFolder],
      ['session.gc_probability', '0'],
    ];
  } catch {
    return [['session.save_path', tmpdir()]];
  }
}

/** Defaults that a php.ini may change. */
function defaults(version: string): (readonly [string, string])[] {
  const entries: (readonly [string, string])[] = [
    ['display_errors', '1'],
    ['include_path', debianIncludePath],
    ...sessionStore(),
    // Off by default: upload progress and backtraces of fatal errors widened the memory-limit attacks of 2026.
    ['session.upload_progress.enabled', '0'],
    ['fatal_error_backtraces', '0'],
    ['allow_url_include', '0'],
    ['opcache.enable', '1'],
    ['opcache.memory_consumption', '32'],
    ['opcache.interned_strings_buffer', '8'],
    ['opcache.max_accelerated_files', '10000'],
    ['pcre.jit', '0'],
  ];
  if (existsSync(caBundle)) entries.push(['openssl.cafile', caBundle], ['curl.cainfo', caBundle]);
  // The one build that checks its own stack assumes 2 MB. The guard is for the builds without a check.
  if (version === '8.3') entries.push(['zend.max_allowed_stack_size', String(usableBytes - startBytes)]);
  return version === '8.5' ? entries : entries.filter(([name]) => name !== 'fatal_error_backtraces');
}

/** Values that this build requires. */
function necessities(version: string): (readonly [string, string])[] {
  const entries: (readonly [string, string])[] = [
    ['opcache.jit', '0'],
    ['opcache.jit_buffer_size', '0'],
    ['opcache.preload', ''],
    ['opcache.lockfile_path', '/internal'],
    ['opcache.use_cwd', '1'],
  ];
  if (hasSharedOpcache(version)) {
    entries.push(['opcache.file_cache_only', '0'], ['opcache.file_cache', '']);
  } else {
    entries.push(['opcache.file_cache_only', '1'], ['opcache.file_cache', opcacheFolder]);
  }
  return entries;
}

/** Folder in the engine's own memory, where OPcache's directory must exist. */
export const opcacheFolder = '/internal/shared/opcache';

/** A quoted value. Ini strings escape a quote only by a backslash, and `${` would be expanded. */
function quoted(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&').replaceAll('${', '\\${')}"`;
}

function lines(entries: readonly (readonly [string, string])[]): string {
  return entries.map(([name, value]) => `${name}=${quoted(value)}\n`).join('');
}

/** Removes the extensions: most are compiled in, and shared objects for a native PHP cannot be loaded. */
function withoutExtensions(text: string): { text: string; named: string[] } {
  const named: string[] = [];
  const kept = text.replace(
    /^[ \t]*(?:zend_)?extension[ \t]*=[ \t]*([^\r\n;]*).*$/gim,
    (_line, name: string) => {
      named.push(name.trim().replace(/^["']|["']$/g, ''));
      return '';
    },
  );
  return { text: kept, named };
}

/** Always loaded: many applications need this client, and it costs 3 MB a worker. */
const loadedByDefault = ['redis'];

function chooseExtensions(
  named: readonly string[],
  loadable: readonly string[],
): { loaded: string[]; warnings: string[] } {
  const loaded = new Set(loadedByDefault.filter((name) => loadable.includes(name)));
  const warnings: string[] = [];
  for (const value of named) {
    const name = extensionName(value);
    if (loadable.includes(name)) loaded.add(name);
    else {
      warnings.push(`the embedded PHP cannot load the extension "${value}": use the native engine for it`);
    }
  }
  return { loaded: [...loaded], warnings };
}

/** Settings that work in a native PHP and have no effect here. */
const unsupported = /^[ \t]*(opcache\.(?:jit|jit_buffer_size|preload))[ \t]*=([^;\r\n]*)/gm;
const off = /^(?:0|off|no|false|none|disable|)$/i;

function ignoredSettings(text: string): string[] {
  const settings = [...text.matchAll(unsupported)]
    .filter(([, , value = '']) => !off.test(value.replaceAll('"', '').trim()))
    .map(([, name = '']) => name);
  return [...new Set(settings)].map(
    (name) => `the embedded PHP has neither JIT nor preloading: ${name} is ignored`,
  );
}

/** Valid values of session.save_handler; scripts register others as `user`. */
const sessionHandlers = ['files', 'user', 'redis'];

function missingSessionHandlers(text: string, poolValues: readonly (readonly [string, string])[]): string[] {
  const inFiles = [...text.matchAll(/^[ \t]*session\.save_handler[ \t]*=([^;\r\n]*)/gm)].map(
    ([, value = '']) => value.replaceAll('"', '').trim(),
  );
  const inPool = poolValues.filter(([name]) => name === 'session.save_handler').map(([, value]) => value);
  return [...new Set([...inFiles, ...inPool])]
    .filter((value) => value !== '' && !sessionHandlers.includes(value))
    .map(
      (value) =>
        `the embedded PHP has no session.save_handler "${value}": use ${sessionHandlers.join(', ')}, or the native engine`,
    );
}

/** Sections restrict the following lines to a path or host; a new file starts outside of them. */
const noSection = '\n[PHP]\n';

/** Composes the ini text of an instance. */
export function composeIni(sources: IniSources): ComposedIni {
  const { poolValues = [] } = sources;
  const main = withoutExtensions(sources.mainIni);
  const defines = sources.defines.map(([name, value]) => `${name}=${value}\n`).join('');
  const given = withoutExtensions(defines);
  const named = [...main.named, ...given.named, ...wantedExtensions(poolValues)];
  const { loaded, warnings } = chooseExtensions(named, sources.loadable ?? []);
  const text = [
    lines(defaults(sources.version)),
    loaded.map(extensionLine).join(''),
    main.text,
    noSection,
    given.text,
    lines(necessities(sources.version)),
  ].join('\n');
  const settings = `${sources.mainIni}\n${defines}`;
  warnings.push(...ignoredSettings(settings), ...missingSessionHandlers(settings, poolValues));
  return { text, warnings };
}
