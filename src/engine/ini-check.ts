/** An engine's remarks about php.ini files and ini values of pools, for `-t`. */

/** The ini values of a pool; binary strings. */
export interface PoolIniValues {
  readonly pool: string;
  readonly php_value: readonly (readonly [string, string])[];
  readonly php_admin_value: readonly (readonly [string, string])[];
}

/** One remark; binary strings, empty if unknown. */
export interface IniRemark {
  /**
   * `startup`: about the files, not about a pool. `unknown`, `refused`: the value is not in effect. `set`: it is in
   * effect, with a remark by PHP. `late`: valid in a php.ini, but PHP reads it only at its start. `fatal`: PHP ended.
   */
  readonly kind: 'startup' | 'unknown' | 'refused' | 'set' | 'late' | 'fatal';
  readonly pool: string;
  readonly setting: string;
  readonly name: string;
  readonly message: string;
}

export interface IniAnswer {
  /** All names known to PHP with the extensions that the files load. */
  readonly names: readonly string[];
  readonly remarks: readonly IniRemark[];
}

/** PHP could not be asked; the message has the reason. */
export class IniCheckError extends Error {
  readonly code = 'HATHI_INI_CHECK';
}
