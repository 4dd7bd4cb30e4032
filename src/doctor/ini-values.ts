/** PHP's settings of a pool: from php.ini files, then the pool's own, else PHP's defaults. */

/** Numbers with K, M or G, as PHP parses them. */
const powers: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** PHP's defaults of the settings that checks use (php.net, "List of php.ini directives"). */
const defaults: Readonly<Record<string, string>> = {
  allow_url_include: '0',
  disable_functions: '',
  display_errors: '1',
  error_log: '',
  max_execution_time: '30',
  memory_limit: '128M',
  open_basedir: '',
  'opcache.enable': '1',
  'opcache.max_accelerated_files': '10000',
  'opcache.memory_consumption': '128',
  'opcache.validate_timestamps': '1',
  'session.save_handler': 'files',
  'session.save_path': '',
};

/** Before PHP 8.4 the JIT is disabled by its buffer, from 8.4 on by its mode (php.net, opcache.jit). */
const jitBefore84 = { 'opcache.jit': 'tracing', 'opcache.jit_buffer_size': '0' };
const jitFrom84 = { 'opcache.jit': 'disable', 'opcache.jit_buffer_size': '64M' };

/** A number with K, M or G. */
export function quantityOf(text: string): number {
  const [, digits = '0', unit = ''] = /^\s*(-?\d+)\s*([kmg]?)/i.exec(text) ?? [];
  return Number(digits) * (powers[unit.toLowerCase()] ?? 1);
}

export class IniValues {
  readonly #values: ReadonlyMap<string, string>;
  readonly #defaults: Readonly<Record<string, string>>;
  /** Names of the extensions that the files load, without folder and `.so`. */
  readonly extensions: ReadonlySet<string>;

  /**
   * @param values later duplicates win
   * @param extensions as in `extension=` and `zend_extension=`
   * @param version of PHP, for its defaults
   */
  constructor(
    values: Iterable<readonly [string, string]>,
    extensions: readonly string[] = [],
    version: string | undefined = undefined,
  ) {
    this.#values = new Map(values);
    this.extensions = new Set(
      extensions.map((path) => path.slice(path.lastIndexOf('/') + 1).replace(/\.so$/, '')),
    );
    const isOld = version !== undefined && version.localeCompare('8.4', 'en', { numeric: true }) < 0;
    this.#defaults = { ...defaults, ...(isOld ? jitBefore84 : jitFrom84) };
  }

  /** '' when neither the files nor the known PHP defaults have a value. */
  text(name: string): string {
    return this.#values.get(name) ?? this.#defaults[name] ?? '';
  }

  isOn(name: string): boolean {
    return /^(?:1|on|yes|true)$/i.test(this.text(name)) || Number(this.text(name)) > 0;
  }

  /** Bytes, or another unit of the setting. */
  quantity(name: string): number {
    return quantityOf(this.text(name));
  }

  /** Names in a comma-separated list. */
  list(name: string): string[] {
    return this.text(name)
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
  }
}
