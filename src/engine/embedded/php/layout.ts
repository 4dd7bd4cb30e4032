/** Offsets in PHP's C structures on a 32-bit target: equal in PHP 7.4 to 8.5 unless noted. */

/** `sapi_module_struct` (main/SAPI.h). */
export const sapiModule = {
  name: 0,
  prettyName: 4,
  activate: 16,
  deactivate: 20,
  ubWrite: 24,
  flush: 28,
  getenv: 36,
  sendHeaders: 48,
  readPost: 56,
  readCookies: 60,
  registerServerVariables: 64,
  logMessage: 68,
  inputFilter: 120,
  phpinfoAsText: 128,
} as const;

/** `sapi_globals_struct`, of which `request_info` starts at 8. */
export const sapiGlobals = {
  serverContext: 0,
  requestMethod: 8,
  queryString: 12,
  cookieData: 16,
  contentLength: 24,
  pathTranslated: 32,
  requestUri: 36,
  requestBody: 40,
  contentType: 44,
  contentTypeCopy: 56,
  authUser: 60,
  authPassword: 64,
  authDigest: 68,
  currentUser: 76,
  argc: 84,
  argv: 88,
  protoNum: 92,
  /** `sapi_headers_struct` */
  headers: 96,
} as const;

/** `sapi_headers_struct`; starts with a `zend_llist` of `sapi_header_struct`. */
export const sapiHeaders = { firstHeader: 0, responseCode: 28, mimetype: 36, statusLine: 40 } as const;

/** `zend_llist_element` that contains a `sapi_header_struct`. */
export const headerElement = { next: 0, text: 8, length: 12 } as const;

/** `zend_string` */
export const zendString = { length: 16, bytes: 20 } as const;

/** Size of a `zend_file_handle` (at most 56 bytes). */
export const fileHandleBytes = 64;
/** `zend_file_handle.primary_script`, PHP 8.1 and later. */
export const fileHandlePrimaryScript = 29;

/** `HashTable` */
export const hashTable = { mask: 12, data: 16, used: 20, elements: 24, tableSize: 28, size: 56 } as const;

/** `Bucket` of a hash table; starts with the value. The hash of an integer key is the key. */
export const hashBucket = { hash: 16, key: 24, bytes: 32 } as const;

/** `zend_ini_entry` */
export const iniEntry = {
  name: 0,
  onModify: 4,
  argument1: 8,
  argument2: 12,
  argument3: 16,
  value: 20,
  original: 24,
  modifiable: 36,
  modified: 38,
} as const;

/** `zend_ini_entry_def`; its two lengths have 32 and 16 bits */
export const iniEntryDefinition = {
  name: 0,
  value: 20,
  displayer: 24,
  valueLength: 28,
  nameLength: 32,
  modifiable: 34,
  bytes: 36,
} as const;

/**
 * `zend_module_entry` of a PHP without ZTS; `callbacks` are startup, shutdown, both of a request, info, globals,
 * deactivation.
 */
export const moduleEntry = {
  name: 20,
  functions: 24,
  start: 36,
  stop: 40,
  afterRequest: 68,
  callbacks: [28, 32, 36, 40, 52, 56, 60, 64, 68],
  info: 44,
  started: 72,
  type: 76,
  handle: 80,
  number: 84,
  bytes: 92,
} as const;

/** Size of a `zend_function_entry`: since 8.4 it has two more fields. It starts with name and handler. */
export function functionEntryBytes(version: string): number {
  return Number(version) >= 8.4 ? 28 : 20;
}

/** `zend_function_entry` */
export const functionEntry = { name: 0, handler: 4 } as const;

/** `zend_execute_data` up to its first argument. */
export const callFrame = { function: 12, argumentCount: 28, bytes: 48 } as const;

/** `zend_internal_function` */
export const internalFunction = { name: 8 } as const;

/** `zval`: 8 bytes of value, then the type. */
export const zval = { value: 0, type: 8, size: 16 } as const;
/** Type words of a `zval`. */
export const zvalType = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  long: 4,
  double: 5,
  array: 7 | (1 << 8) | (1 << 9),
} as const;
