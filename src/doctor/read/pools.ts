/** Facts about single pools: PHP, its settings, the user, the served folders. */

import { statSync } from 'node:fs';
import type { PoolEngine } from '../../boot/engines.ts';
import type { PoolConfig } from '../../config/directives.ts';
import type { UserEntry } from '../../config/system.ts';
import { iniFilesFor } from '../../engine/ini-files.ts';
import { iniFilesOf } from '../../engine/native/locate.ts';
import { leadsTo } from '../addresses.ts';
import type { Docroot, FileAccess, PhpFacts, PhpIniError, PoolFacts } from '../facts.ts';
import { IniValues } from '../ini-values.ts';
import type { FastcgiPass } from '../web-facts.ts';
import type { ConfigurationChoice, ConfigurationFacts } from './configuration.ts';
import { type InstalledPhp, readInstalledPhp } from './distribution.ts';
import { accessOf, readDocroot } from './docroots.ts';
import { type PhpIniContent, readPhpIni } from './php-ini.ts';
import type { AskApt } from './updates.ts';

export interface FactsChoice extends ConfigurationChoice {
  /** Folders to scan in addition to those that web servers serve. */
  readonly docroots: readonly string[];
  /** Root of the machine's files: `/`, or the root folder of another system. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds since 1970: compared with ends of support. */
  readonly now: number;
  readonly askApt: AskApt;
  /** Main file of the web server, if it is not in Debian's place. */
  readonly nginx: string | undefined;
  readonly apache: string | undefined;
  /** Reports the current step. */
  readonly progress: (step: string) => void;
}

/** Each folder is scanned once. */
export class Docroots {
  readonly unknown: string[] = [];
  readonly #choice: FactsChoice;
  readonly #known = new Map<string, Docroot | undefined>();

  constructor(choice: FactsChoice) {
    this.#choice = choice;
  }

  read(path: string): Docroot[] {
    if (!this.#known.has(path)) this.#known.set(path, this.#walk(path));
    return [this.#known.get(path)].filter((docroot) => docroot !== undefined);
  }

  #walk(path: string): Docroot | undefined {
    const { progress } = this.#choice;
    progress(`folder ${path}`);
    const docroot = readDocroot(path, (entries) => progress(`folder ${path}: ${entries} files`));
    if (docroot === undefined)
      this.unknown.push(`the document root ${path}: it is not there, or may not be read`);
    else if (!docroot.isWhole)
      this.unknown.push(`parts of the document root ${path}: too many files, or closed folders`);
    return docroot;
  }
}

export class PoolReader {
  readonly #choice: FactsChoice;
  readonly #read: ConfigurationFacts;
  readonly #passes: readonly FastcgiPass[];
  readonly #docroots: Docroots;
  readonly #errors: Map<string, PhpIniError>;
  readonly #installed = new Map<string, InstalledPhp>();
  readonly #contents = new Map<string, PhpIniContent>();

  constructor(
    choice: FactsChoice,
    read: ConfigurationFacts,
    passes: readonly FastcgiPass[],
    docroots: Docroots,
    errors: Map<string, PhpIniError>,
  ) {
    this.#choice = choice;
    this.#read = read;
    this.#passes = passes;
    this.#docroots = docroots;
    this.#errors = errors;
  }

  read(config: PoolConfig): PoolFacts {
    const chosen = this.#read.engines.get(config.name);
    const php = this.#php(config, chosen);
    const ini = this.#ini(config, chosen, php.version);
    const served = this.#passes.flatMap(({ targets, docroot }) =>
      docroot !== undefined && targets.some((target) => leadsTo(target, config.listen)) ? [docroot] : [],
    );
    return {
      name: config.name,
      config,
      ini,
      php,
      user: userOf(config, this.#read),
      docroots: [...new Set([...served, ...this.#choice.docroots])].flatMap((path) =>
        this.#docroots.read(path),
      ),
      // Below another root the path is another folder.
      sessionFolder: config.chroot ? undefined : sessionFolder(ini),
    };
  }

  /** Packages of the PHP that the pools run. */
  get packages(): string[] {
    return [...this.#installed.values()].flatMap(({ name }) => name ?? []);
  }

  #php(config: PoolConfig, chosen: PoolEngine['chosen'] | undefined): PhpFacts {
    const branch = (chosen?.php ?? config.folderVersion)?.split('.').slice(0, 2).join('.');
    const isEmbedded = chosen?.engine === 'embedded';
    const installed = branch === undefined || isEmbedded ? undefined : this.#package(branch);
    return {
      version: chosen?.php ?? installed?.version,
      engine: chosen?.engine ?? (installed?.version === undefined ? undefined : 'native'),
      fixed: installed?.fixed ?? new Set(),
      onDisk: installed?.version,
      distributionUntil: installed?.until,
    };
  }

  #package(branch: string): InstalledPhp {
    const known = this.#installed.get(branch) ?? readInstalledPhp(this.#choice.root, branch);
    this.#installed.set(branch, known);
    return known;
  }

  /** Hundreds of pools share the same files. */
  #content(files: readonly string[]): PhpIniContent {
    const key = files.join('\0');
    const content = this.#contents.get(key) ?? readPhpIni(files, this.#choice.env);
    this.#contents.set(key, content);
    return content;
  }

  #ini(config: PoolConfig, chosen: PoolEngine['chosen'] | undefined, version: string | undefined): IniValues {
    const own = chosen?.build === undefined ? undefined : iniFilesOf(chosen.build.record);
    const { files } = iniFilesFor(this.#read.ini, own);
    const { values, extensions, errors } = this.#content(files);
    for (const error of errors) this.#errors.set(`${error.file}:${error.line}`, error);
    // php_value cannot override a value of php_admin_value; disabled functions accumulate (php.net).
    const pool = [...config.php_value, ...config.php_admin_value];
    const disabled = [...values, ...pool]
      .filter(([name]) => name === 'disable_functions')
      .map(([, list]) => list);
    const together: [string, string][] =
      disabled.length > 0 ? [['disable_functions', disabled.join(',')]] : [];
    const loaded = pool
      .filter(([name]) => name === 'extension' || name === 'zend_extension')
      .map(([, path]) => path);
    return new IniValues([...values, ...pool, ...together], [...extensions, ...loaded], version);
  }
}

function userOf({ user }: PoolConfig, { system }: ConfigurationFacts): UserEntry | undefined {
  // Without root a pool runs as the master's user, and php-fpm ignores the directive.
  return system.lookupUser(user || String(process.geteuid?.() ?? 0));
}

/** `session.save_path` may start with a depth and a mode: `2;0600;/var/lib/php/sessions`. */
function sessionFolder(ini: IniValues): FileAccess | undefined {
  const path = ini.text('session.save_path').replace(/^.*;/, '');
  if (ini.text('session.save_handler') !== 'files' || !path.startsWith('/')) return undefined;
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? undefined : accessOf(path, stat);
}
