/** The configuration as a start would read it; creates no log and no other file. */

import { decodeText, encodeText } from '../../boot/binary-text.ts';
import { configSystem } from '../../boot/config-system.ts';
import { chooseEngines, type PoolEngine, withFolderVersions } from '../../boot/engines.ts';
import { findPhpIni, iniValues } from '../../boot/php-ini.ts';
import { checkStart } from '../../config/check.ts';
import type { Configuration, GlobalConfig } from '../../config/directives.ts';
import { loadConfiguration } from '../../config/load.ts';
import { type ConfigMessage, lenient } from '../../config/messages.ts';
import type { ConfigSystem } from '../../config/system.ts';
import type { PhpIniSource } from '../../engine/ini-files.ts';
import { inOneLook } from '../../runtime/one-look.ts';

export interface ConfigurationChoice {
  readonly file: string;
  readonly prefix: string | undefined;
  /** `-c` */
  readonly phpIni: string | undefined;
}

export interface ConfigurationFacts {
  readonly global: GlobalConfig;
  /** Undefined when the files are invalid. */
  readonly configuration: Configuration | undefined;
  readonly problems: readonly ConfigMessage[];
  /** Engines of the pools that can run, by pool name. */
  readonly engines: ReadonlyMap<string, PoolEngine['chosen']>;
  readonly ini: PhpIniSource;
  readonly system: ConfigSystem;
}

export function readConfigurationFacts(
  choice: ConfigurationChoice,
  env: NodeJS.ProcessEnv,
): ConfigurationFacts {
  return inOneLook(() => read(choice, env));
}

function read({ file, prefix, phpIni }: ConfigurationChoice, env: NodeJS.ProcessEnv): ConfigurationFacts {
  const found = findPhpIni({ given: phpIni, ignored: false, configFile: file }, env);
  const ini: PhpIniSource = { ...found, ignored: false, defines: [] };
  const real = configSystem({ allowRoot: true, env, ini: iniValues(found.files, [], env) });
  const system: ConfigSystem = { ...real, openForAppend: () => undefined };
  const { configuration, global, messages } = loadConfiguration(
    { file: encodeText(file), ...(prefix === undefined ? {} : { prefix: encodeText(prefix) }) },
    system,
  );
  const complete = configuration && withFolderVersions(configuration).configuration;
  const start = complete === undefined ? [] : lenient(checkStart(complete, system));
  const { engines, problems } =
    complete === undefined
      ? { engines: [], problems: [] }
      : chooseEngines(complete, { warnsOfEmbedded: false });
  return {
    global: decodeText(global),
    configuration: complete && decodeText(complete),
    problems: [...messages, ...start, ...problems],
    engines: new Map(engines.map(({ pool, chosen }) => [decodeText(pool.name), chosen])),
    ini,
    system,
  };
}
