/** Figures of an instance's OPcache from PHP's opcache_get_status(): https://www.php.net/opcache_get_status */

import { type OpcacheFigureName, opcacheFigureNames } from '../../../scoreboard/layout.ts';
import type { Engine } from './engine.ts';
import type { IniEntries } from './ini-entries.ts';
import { zval, zvalType } from './layout.ts';

/** Interval in milliseconds: a call takes 10 to 70 us. */
const period = 1000;

const functionName = 'opcache_get_status';

/** The type is the lowest byte of the type word; the others are flags. */
const typeMask = 0xff;

/** Place of each figure in the function's result. */
const places: Readonly<Record<OpcacheFigureName, readonly [section: string, name: string]>> = {
  opcache_hits: ['opcache_statistics', 'hits'],
  opcache_misses: ['opcache_statistics', 'misses'],
  opcache_scripts: ['opcache_statistics', 'num_cached_scripts'],
  opcache_keys: ['opcache_statistics', 'num_cached_keys'],
  opcache_keys_limit: ['opcache_statistics', 'max_cached_keys'],
  opcache_restarts_memory: ['opcache_statistics', 'oom_restarts'],
  opcache_restarts_keys: ['opcache_statistics', 'hash_restarts'],
  opcache_restarts_manual: ['opcache_statistics', 'manual_restarts'],
  opcache_memory_used: ['memory_usage', 'used_memory'],
  opcache_memory_free: ['memory_usage', 'free_memory'],
  opcache_memory_wasted: ['memory_usage', 'wasted_memory'],
  opcache_strings_used: ['interned_strings_usage', 'used_memory'],
  opcache_strings_free: ['interned_strings_usage', 'free_memory'],
};

export class OpcacheProbe {
  readonly #engine: Engine;
  readonly #entries: IniEntries;
  /** PHP 7.4 lacks the necessary call. */
  readonly #isPossible: boolean;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isRestarting = false;

  constructor(engine: Engine, entries: IniEntries) {
    this.#engine = engine;
    this.#entries = entries;
    this.#isPossible = engine.has('zend_call_known_function') && engine.has('zend_fetch_function_str');
  }

  /** At the last look OPcache was to restart, which it does when a script starts. */
  get isRestarting(): boolean {
    return this.#isRestarting;
  }

  /** The instance was restored, and OPcache with it. */
  reset(): void {
    this.#isRestarting = false;
  }

  /**
   * The figures, in the order of {@link opcacheFigureNames}, if they are due. Call it in a request before its script
   * starts, or while a booted
   * application has none.
   *
   * @returns undefined also where OPcache is off, or the function is disabled or restricted
   */
  look(now: number): number[] | undefined {
    if (!this.#isPossible || now - this.#lookedAt < period) return undefined;
    this.#lookedAt = now;
    // When restricted it would warn, and the script would see the warning.
    if (this.#entries.value('opcache.restrict_api')) return undefined;
    const { memory } = this.#engine;
    const name = memory.allocateString(functionName);
    const found = this.#engine.function('zend_fetch_function_str')(name, functionName.length);
    this.#engine.function('free')(name);
    return found === 0 ? undefined : this.#ask(found);
  }

  #ask(statusFunction: number): number[] | undefined {
    const { memory } = this.#engine;
    const status = memory.allocate(2 * zval.size);
    memory.bytes.fill(0, status, status + 2 * zval.size);
    const withoutScripts = status + zval.size;
    memory.setWord(withoutScripts + zval.type, zvalType.false);
    this.#engine.function('zend_call_known_function')(statusFunction, 0, 0, status, 1, withoutScripts, 0);
    const isOn = isOfType(memory.word(status + zval.type), zvalType.array);
    this.#isRestarting = isOn && this.#find(status, 'restart_pending', zvalType.true) !== undefined;
    const figures = isOn ? opcacheFigureNames.map((figure) => this.#figure(status, figure)) : undefined;
    this.#engine.function('zval_ptr_dtor')(status);
    this.#engine.function('free')(status);
    return figures;
  }

  #figure(status: number, figure: OpcacheFigureName): number {
    const [section, name] = places[figure];
    const sectionAt = this.#find(status, section, zvalType.array);
    const at = sectionAt === undefined ? undefined : this.#find(sectionAt, name, zvalType.long);
    return at === undefined ? 0 : this.#engine.memory.word(at + zval.value);
  }

  /** Address of the element's zval, if it has that type. */
  #find(array: number, name: string, type: number): number | undefined {
    const { memory } = this.#engine;
    const text = memory.allocateString(name);
    const at = this.#engine.function('zend_hash_str_find')(
      memory.word(array + zval.value),
      text,
      name.length,
    );
    this.#engine.function('free')(text);
    return at !== 0 && isOfType(memory.word(at + zval.type), type) ? at : undefined;
  }
}

function isOfType(typeWord: number, type: number): boolean {
  return (typeWord & typeMask) === (type & typeMask);
}
