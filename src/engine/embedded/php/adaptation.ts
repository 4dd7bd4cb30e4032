/** All adaptations that make this PHP behave like PHP-FPM, in the order that its start requires. */

import { PhpCalls } from './calls.ts';
import { installDns } from './dns-functions.ts';
import type { Engine } from './engine.ts';
import { Environment } from './environment.ts';
import { extensionLine } from './extensions.ts';
import { addGlobConstant, installGlob } from './glob.ts';
import { setHostConstants } from './host-constants.ts';
import { installHostFacts } from './host-facts.ts';
import { installIconv } from './iconv.ts';
import type { IniEntries } from './ini-entries.ts';
import { installLinks } from './links.ts';
import { tellIniFiles } from './loaded-ini.ts';
import { installLocale } from './locale.ts';
import { ModuleFunctions } from './module-functions.ts';
import type { Parts } from './parts.ts';
import { installProcessFunctions, installSleepFunctions } from './process-functions.ts';
import { RedisSessions } from './redis-sessions.ts';
import { registerSessionModule } from './session-module.ts';
import { installSocketPair } from './socket-pair.ts';
import { moveSslFolder } from './ssl-folder.ts';
import { refuseZipEncryption } from './zip-encryption.ts';

/** The settings needed here. */
interface AdaptationSettings {
  /** `8.4` */
  readonly phpVersion: string;
  readonly phpIni: string;
  readonly phpIniFiles: readonly string[];
}

export class Adaptation {
  readonly #engine: Engine;
  readonly #settings: AdaptationSettings;
  readonly #parts: Parts;
  readonly #calls: PhpCalls;

  constructor(engine: Engine, settings: AdaptationSettings, parts: Parts) {
    this.#engine = engine;
    this.#settings = settings;
    this.#parts = parts;
    this.#calls = new PhpCalls(engine);
  }

  /** Before PHP starts, while functions are only a table. */
  beforeStart(): void {
    const engine = this.#engine;
    const standard = new ModuleFunctions(engine, this.#settings.phpVersion, 'basic_functions_module');
    this.#parts.mask.install(engine, standard);
    installHostFacts(engine, standard);
    this.#parts.largeFiles.installFunction(engine, standard);
    installLinks(engine, standard, this.#calls);
    installSocketPair(engine, standard, this.#calls);
    installGlob(engine, standard, this.#settings.phpVersion, this.#calls);
    installDns(engine, this.#settings.phpVersion, this.#calls);
    installIconv(engine, this.#settings.phpVersion, this.#calls);
    moveSslFolder(engine, this.#settings.phpVersion);
    const environment = new Environment(engine);
    this.#parts.spawner.environment = () => environment.read();
    installLocale(engine, standard, this.#calls, this.#parts.locales, environment);
    installProcessFunctions(engine, standard, this.#parts.spawner);
    installSleepFunctions(engine, standard, this.#parts.waiting);
  }

  /** After PHP's start, before the pool's values and the first request. */
  afterStart(entries: IniEntries): void {
    const engine = this.#engine;
    const { phpVersion, phpIni, phpIniFiles } = this.#settings;
    setHostConstants(engine, phpVersion);
    addGlobConstant(engine, phpVersion);
    tellIniFiles(engine, phpIniFiles);
    this.#parts.largeFiles.installMethods(engine);
    refuseZipEncryption(engine, this.#calls);
    if (phpIni.includes(extensionLine('redis'))) {
      registerSessionModule(engine, this.#calls, 'redis', new RedisSessions(entries));
    }
  }
}
