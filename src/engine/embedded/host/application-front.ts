/** Worker mode: which requests are for the application. The native engine has the same rules (native/php/front.c). */

import { statSync } from 'node:fs';
import { type BinaryString, decodeBinary } from '../../../text/binary.ts';
import { textPattern } from '../../../text/pattern.ts';
import type { ParamTable } from '../../params.ts';
import type { ResolvedScript } from '../../script.ts';

/** The script of a request of the application. */
export interface HandledScript {
  readonly script: string;
  readonly phpSelf: string;
}

const named = { nothing: 'nothing', own: 'own', other: 'other' } as const;

export class ApplicationFront {
  readonly #script: string;
  readonly #matches: readonly RegExp[];

  /** @param matches `worker.match`; without one the script of a request decides */
  constructor(script: string, matches: readonly BinaryString[]) {
    this.#script = script;
    this.#matches = matches.map(textPattern);
  }

  /**
   * Takes a request for the application. One whose script is no file is led to the application's, as by
   * `try_files $uri /index.php`.
   *
   * @param path of the request
   * @returns undefined for a request for another script
   */
  take(params: ParamTable, found: ResolvedScript, path: string): HandledScript | undefined {
    if (params.get('REQUEST_METHOD') === undefined || found.isForbidden === true) return undefined;
    const what = this.#whatIsNamed(found.path);
    const isTaken = this.#matches.length > 0 ? this.#isListed(path, found.uri) : what !== named.other;
    if (!isTaken) return undefined;
    if (what !== named.nothing && found.path !== undefined)
      return { script: found.path, phpSelf: found.phpSelf };
    const name = this.#nameBelow(params.get('DOCUMENT_ROOT'));
    params.set('SCRIPT_FILENAME', this.#script);
    params.set('SCRIPT_NAME', name);
    return { script: this.#script, phpSelf: name };
  }

  #isListed(path: string, uri: string | undefined): boolean {
    return this.#matches.some((pattern) => pattern.test(path) || (uri !== undefined && pattern.test(uri)));
  }

  #whatIsNamed(path: string | undefined): keyof typeof named {
    if (path === undefined) return named.nothing;
    if (path === this.#script) return named.own;
    const file = fileAt(path);
    if (file === undefined) return named.nothing;
    const own = fileAt(this.#script);
    return own !== undefined && file.dev === own.dev && file.ino === own.ino ? named.own : named.other;
  }

  /** The part of the script's path below the document root; its name when it is not below. */
  #nameBelow(root = ''): string {
    const folder = root.replace(/\/+$/, '');
    if (folder !== '' && this.#script.startsWith(`${folder}/`)) return this.#script.slice(folder.length);
    const slash = this.#script.lastIndexOf('/');
    return slash < 0 ? this.#script : this.#script.slice(slash);
  }
}

function fileAt(path: string): { readonly dev: number; readonly ino: number } | undefined {
  try {
    const found = statSync(decodeBinary(path as BinaryString), { throwIfNoEntry: false });
    return found?.isFile() === true ? found : undefined;
  } catch {
    return undefined;
  }
}
