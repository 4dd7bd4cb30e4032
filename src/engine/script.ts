/**
 * Resolves the script of a FastCGI request and corrects its variables: the path fix-ups that PHP-FPM does for nginx,
 * Apache (mod_proxy_fcgi, mod_fastcgi, action handlers) and IIS. Pure except for the injected file system; changes the
 * given parameter table, because $_SERVER shows the result.
 */

import type { ParamTable } from './params.ts';

/** Kind of a path, symbolic links followed; `missing` whenever stat fails. */
export type FileKind = 'file' | 'other' | 'missing';

export interface ScriptFiles {
  kind(path: string): FileKind;
}

/** Ini settings and version rules for resolving. */
export interface ScriptRules {
  /** cgi.fix_pathinfo */
  readonly fixPathinfo: boolean;
  /** cgi.discard_path, used only without fix_pathinfo. */
  readonly discardPath: boolean;
  /** doc_root, or empty. */
  readonly docRoot: string;
  /** Under Apache's proxy PATH_INFO is %-decoded (PHP 8.3.19, 8.4.5 and later). */
  readonly decodePathInfo: boolean;
  /** Under Apache's proxy the whole SCRIPT_FILENAME is %-decoded (fastcgi.script_path_encoded = 0, PHP 8.5). */
  readonly decodeScriptPath: boolean;
}

export interface ResolvedScript {
  /** The script's path; undefined when the request does not name a file that exists. */
  readonly path: string | undefined;
  /** Compared with the ping and status paths; undefined when the request names no script at all. */
  readonly uri: string | undefined;
  readonly phpSelf: string;
  /** It names a path that is never opened. */
  readonly isForbidden?: boolean;
}

/** Rules for a PHP version (`8.4.25`) with the pool's ini settings. */
export function scriptRules(phpVersion: string, ini: (name: string) => string | undefined): ScriptRules {
  const [major = 0, minor = 0, patch = 0] = phpVersion.split('.').map(Number);
  const version = major * 100 + minor;
  const decodes = version >= 805 || (version === 804 && patch >= 5) || (version === 803 && patch >= 19);
  const encoded = iniFlag(ini('fastcgi.script_path_encoded'), true);
  return {
    fixPathinfo: iniFlag(ini('cgi.fix_pathinfo'), true),
    discardPath: iniFlag(ini('cgi.discard_path'), false),
    docRoot: ini('doc_root') ?? '',
    decodePathInfo: decodes && (version < 805 || encoded),
    decodeScriptPath: version >= 805 && !encoded,
  };
}

/** A boolean ini value by PHP's rule: `1`, `on`, `yes` and `true` in any case, or a number other than 0. */
export function iniFlag(value: string | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  return /^(on|yes|true)$/i.test(value) || Number.parseInt(value, 10) > 0;
}

/** Finds the script of a request and corrects its parameters. */
export function resolveScript(params: ParamTable, rules: ScriptRules, files: ScriptFiles): ResolvedScript {
  const named = params.get('SCRIPT_FILENAME') ?? params.get('PATH_TRANSLATED');
  if (named === undefined) return { path: undefined, uri: undefined, phpSelf: '' };
  repairIisPathInfo(params);
  const apache = stripProxyPrefix(params, rules);
  const found = rules.fixPathinfo
    ? new PathRepair(params, rules, files, apache).run()
    : takeAsSent(params, rules);
  const isForbidden = found.path !== undefined && !isSafePath(found.path);
  const path = isForbidden ? undefined : found.path;
  return {
    ...found,
    ...(isForbidden ? { isForbidden } : {}),
    path: path === undefined || rules.docRoot === '' ? path : underDocRoot(rules, found.uri),
  };
}

/** A path with a `..` component is never opened. */
function isSafePath(path: string): boolean {
  return !path.includes('..') || !path.split('/').includes('..');
}

/** With doc_root set, PHP opens the file below it that the URI names. */
function underDocRoot(rules: ScriptRules, uri: string | undefined): string | undefined {
  const path = `${rules.docRoot.replace(/\/$/, '')}/${(uri ?? '').replace(/^\//, '')}`;
  return isSafePath(path) ? path : undefined;
}

/** IIS puts the script's own name at the start of PATH_INFO. */
function repairIisPathInfo(params: ParamTable): void {
  const pathInfo = params.get('PATH_INFO');
  const scriptName = params.get('SCRIPT_NAME');
  if (!params.get('SERVER_SOFTWARE')?.startsWith('Microsoft-IIS')) return;
  if (pathInfo === undefined || scriptName === undefined || !pathInfo.startsWith(scriptName)) return;
  params.set('ORIG_PATH_INFO', pathInfo);
  replace(params, 'PATH_INFO', pathInfo.slice(scriptName.length) || undefined);
}

/** mod_proxy_fcgi sends a URL. Returns whether it was one, so that Apache's rules apply. */
function stripProxyPrefix(params: ParamTable, rules: ScriptRules): boolean {
  const sent = params.get('SCRIPT_FILENAME');
  const prefix = /^proxy:(?:fcgi|balancer):\/\//i.exec(sent ?? '')?.[0];
  if (sent === undefined || prefix === undefined) return false;
  const slash = sent.indexOf('/', prefix.length);
  const path = (slash < 0 ? sent : sent.slice(slash)).split('?', 1)[0] ?? '';
  params.set('SCRIPT_FILENAME', slash >= 0 && rules.decodeScriptPath ? percentDecode(path) : path);
  return slash >= 0;
}

/** cgi.fix_pathinfo = 0: the variables are used unchanged. */
function takeAsSent(params: ParamTable, rules: ScriptRules): ResolvedScript {
  const translated = params.get('PATH_TRANSLATED');
  const filename = params.get('SCRIPT_FILENAME');
  const uri = params.get('PATH_INFO') ?? params.get('SCRIPT_NAME');
  const path = rules.discardPath ? (filename ?? translated) : (translated ?? filename);
  return { path, uri, phpSelf: uri ?? '' };
}

/** The path to look for, its current name, and whether both come from an action handler's variables. */
interface StartingPoint {
  readonly script: string;
  readonly name: string | undefined;
  readonly redirected: boolean;
}

/**
 * cgi.fix_pathinfo = 1 for one request. Keeps the web server's values beside the new ones, because each change leaves
 * an ORIG_ variable.
 */
class PathRepair {
  readonly #params: ParamTable;
  readonly #rules: ScriptRules;
  readonly #files: ScriptFiles;
  readonly #apache: boolean;
  readonly #redirectUrl: string | undefined;

  constructor(params: ParamTable, rules: ScriptRules, files: ScriptFiles, apache: boolean) {
    this.#params = params;
    this.#rules = rules;
    this.#files = files;
    this.#apache = apache;
    this.#redirectUrl = params.get('REDIRECT_URL');
  }

  run(): ResolvedScript {
    const { docRoot } = this.#rules;
    if (this.#params.get('DOCUMENT_ROOT') === undefined && docRoot !== '') {
      this.#params.set('DOCUMENT_ROOT', docRoot);
    }
    const start = this.#startingPoint();
    const { script } = start;
    const exists = script === '' || (!script.endsWith('/') && this.#files.kind(script) !== 'missing');
    const path = exists ? this.#keepExisting(start) : this.#splitPathInfo(start);
    const uri = this.#params.get('SCRIPT_NAME');
    return { path, uri, phpSelf: (uri ?? '') + (this.#params.get('PATH_INFO') ?? '') };
  }

  /** An action handler of Apache (mod_fastcgi) names PHP itself as the script; other variables have the real one. */
  #startingPoint(): StartingPoint {
    const translated = this.#params.get('PATH_TRANSLATED');
    const script = this.#params.get('SCRIPT_FILENAME') ?? translated ?? '';
    const redirected =
      !this.#apache && this.#redirectUrl !== undefined && translated !== undefined && translated !== script;
    if (redirected) return { script: translated, name: this.#redirectUrl, redirected };
    return { script, name: this.#params.get('SCRIPT_NAME'), redirected };
  }

  #keepExisting({ script, name, redirected }: StartingPoint): string {
    this.#rename('SCRIPT_FILENAME', script);
    if (!this.#apache && this.#redirectUrl !== undefined) {
      for (const variable of ['PATH_INFO', 'PATH_TRANSLATED']) {
        if (this.#params.get(variable) !== undefined) this.#move(variable, undefined);
      }
    }
    if (redirected) this.#move('SCRIPT_NAME', name);
    return script;
  }

  /** The path is not a file: its longest leading part that is a file becomes the script, the rest PATH_INFO. */
  #splitPathInfo({ script, name }: StartingPoint): string | undefined {
    const file = this.#longestFile(script);
    if (file === undefined) {
      this.#move('SCRIPT_FILENAME', undefined);
      this.#rename('SCRIPT_NAME', name);
      return undefined;
    }
    const tail = script.slice(file.length);
    const named = this.#apache ? this.#cutApacheTail(tail, name) : this.#cutTail(tail);
    this.#rename('SCRIPT_FILENAME', file);
    this.#translatePath(file, this.#apache && named ? this.#params.get('SCRIPT_NAME') : name);
    if (!named) this.#rename('SCRIPT_NAME', name);
    return file;
  }

  #longestFile(script: string): string | undefined {
    for (let path = script; ; ) {
      const cut = path.lastIndexOf('/');
      const end = cut >= 0 ? cut : path.lastIndexOf('\\');
      if (end < 0) return undefined;
      path = path.slice(0, end);
      if (path !== '' && this.#files.kind(path) === 'file') return path;
    }
  }

  /** PATH_INFO holds the script's name and the tail. Returns whether that settled SCRIPT_NAME. */
  #cutTail(tail: string): boolean {
    const sent = this.#params.get('PATH_INFO');
    if (sent === undefined || sent.length <= tail.length) return false;
    const head = sent.slice(0, sent.length - tail.length);
    this.#params.set('ORIG_PATH_INFO', sent);
    this.#rename('SCRIPT_NAME', head);
    this.#params.set('PATH_INFO', sent.slice(head.length));
    return true;
  }

  /** Apache's proxy omits PATH_INFO; the tail then also ends SCRIPT_NAME, decoded there. */
  #cutApacheTail(tail: string, name: string | undefined): boolean {
    const sent = this.#params.get('PATH_INFO');
    if (tail === '' || sent === tail) return false;
    const decoded = tail.includes('%') ? percentDecode(tail) : tail;
    const cut = [tail, decoded].find((end) => name?.endsWith(end) && name.length > end.length);
    let named = false;
    if (sent !== undefined) {
      this.#params.set('ORIG_PATH_INFO', sent);
      this.#rename('SCRIPT_NAME', sent);
      named = true;
    } else if (name !== undefined && cut !== undefined) {
      this.#move('SCRIPT_NAME', name.slice(0, -cut.length));
      named = true;
    }
    this.#params.set('PATH_INFO', this.#rules.decodePathInfo ? decoded : tail);
    return named;
  }

  #translatePath(file: string, name: string | undefined): void {
    const root = this.#params.get('DOCUMENT_ROOT');
    const pathInfo = this.#params.get('PATH_INFO') ?? '';
    if (root !== undefined) this.#move('PATH_TRANSLATED', root.replace(/\/$/, '') + pathInfo);
    else if (name !== undefined && file.includes(name)) {
      this.#move('PATH_TRANSLATED', file.slice(0, file.length - name.length) + pathInfo);
    }
  }

  /** Sets the variable and keeps a different old value as ORIG_. */
  #rename(variable: string, value: string | undefined): void {
    if (this.#params.get(variable) !== value) this.#move(variable, value);
  }

  #move(variable: string, value: string | undefined): void {
    const sent = this.#params.get(variable);
    if (sent !== undefined) this.#params.set(`ORIG_${variable}`, sent);
    replace(this.#params, variable, value);
  }
}

function replace(params: ParamTable, name: string, value: string | undefined): void {
  if (value === undefined) params.remove(name);
  else params.set(name, value);
}

/** Raw URL decoding of a binary string: `+` and malformed escapes are kept. */
function percentDecode(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The decision on a request with a known script. */
export type Verdict =
  | { readonly kind: 'run'; readonly script: string }
  /** The request has no REQUEST_METHOD: the answer is an empty page. */
  | { readonly kind: 'empty' }
  | {
      readonly kind: 'refused';
      readonly status: 403 | 404;
      readonly body: string;
      readonly level: 'debug' | 'notice' | 'error';
      /** Messages for the worker's log and FCGI_STDERR, in order. */
      readonly messages: readonly string[];
    };

/** Tries to open a file for reading: undefined on success, else error code and text. */
export type OpenCheck = (path: string) => { readonly code: string; readonly text: string } | undefined;

/**
 * PHP-FPM's sequence of decisions after ping and status.
 *
 * @param extensions security.limit_extensions; empty allows every name.
 */
export function judgeScript(
  method: string | undefined,
  script: string | undefined,
  extensions: readonly string[],
  open: OpenCheck,
): Verdict {
  if (method === undefined) return { kind: 'empty' };
  if (script === undefined) {
    return refusal(404, 'File not found.\n', 'debug', ['Primary script unknown']);
  }
  if (!hasAllowedExtension(script, extensions)) {
    const message = `Access to the script '${script}' has been denied (see security.limit_extensions)`;
    return refusal(403, 'Access denied.\n', 'notice', [message]);
  }
  const failure = open(script);
  if (failure === undefined) return { kind: 'run', script };
  const messages = [`Unable to open primary script: ${script} (${failure.text})`];
  return failure.code === 'EACCES'
    ? refusal(403, 'Access denied.\n', 'error', messages)
    : refusal(404, 'No input file specified.\n', 'error', messages);
}

function refusal(
  status: 403 | 404,
  body: string,
  level: 'debug' | 'notice' | 'error',
  messages: readonly string[],
): Verdict {
  return { kind: 'refused', status, body, level, messages };
}

/** The name must be longer than its extension; case matters. */
function hasAllowedExtension(script: string, extensions: readonly string[]): boolean {
  if (extensions.length === 0) return true;
  return extensions.some((extension) => script.length > extension.length && script.endsWith(extension));
}
