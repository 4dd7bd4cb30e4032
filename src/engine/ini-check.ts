/** What an engine says about php.ini files and the ini values of pools, asked for `-t`. */

/** The values of a pool; binary strings. */
export interface PoolIniValues {
  readonly pool: string;
  readonly php_value: readonly (readonly [string, string])[];
  readonly php_admin_value: readonly (readonly [string, string])[];
}

/** One remark; binary strings, empty where there is nothing to tell. */
export interface IniRemark {
  /**
   * `startup`: about the files, of no pool. `unknown`, `refused`: the value is not in force. `set`: it is, and PHP says
   * something about it. `late`: it would be right in a php.ini, and PHP takes it at its start only. `fatal`: PHP ended.
   */
  readonly kind: 'startup' | 'unknown' | 'refused' | 'set' | 'late' | 'fatal';
  readonly pool: string;
  readonly setting: string;
  readonly name: string;
  readonly message: string;
}

export interface IniAnswer {
  /** All names that PHP knows with the extensions that the files load. */
  readonly names: readonly string[];
  readonly remarks: readonly IniRemark[];
}

/** PHP could not be asked; the message says why. */
export class IniCheckError extends Error {
  readonly code = 'HATHI_INI_CHECK';
}
