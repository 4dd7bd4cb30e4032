/** Content of php.ini files, with their extensions and errors. */

import { phpConstant } from '../../config/constants.ts';
import { parseIniLine } from '../../config/ini.ts';
import { asBinary, decodeBinary } from '../../text/binary.ts';
import type { PhpIniError } from '../facts.ts';
import { readCarefully } from './careful-file.ts';

const limit = 1024 ** 2;

export interface PhpIniContent {
  readonly values: readonly (readonly [string, string])[];
  readonly extensions: readonly string[];
  readonly errors: readonly PhpIniError[];
}

/** Reads files in order; values for a path or host only ([PATH=], [HOST=]) are skipped. */
export function readPhpIni(files: readonly string[], env: NodeJS.ProcessEnv): PhpIniContent {
  const values = new Map<string, string>();
  const extensions: string[] = [];
  const errors: PhpIniError[] = [];
  const names = {
    constant: phpConstant,
    variable: (name: string): string | undefined => values.get(name) ?? env[name],
  };
  for (const file of files) {
    const text = readCarefully(file, { limit, followsLinks: true })?.toString('latin1') ?? '';
    let isGeneral = true;
    for (const [index, line] of text.split('\n').entries()) {
      const { statements, error } = parseIniLine(line, names);
      for (const statement of statements) {
        if (statement.kind === 'section') isGeneral = !/^(?:PATH|HOST)=/i.test(statement.name);
        if (!isGeneral || statement.kind !== 'entry') continue;
        const value = decodeBinary(asBinary(statement.value ?? ''));
        if (/^(?:zend_)?extension$/.test(statement.name)) extensions.push(value);
        else values.set(statement.name, value);
      }
      if (error !== undefined) {
        errors.push({ file, line: index + 1, text: decodeBinary(asBinary(error.raw)) });
        // PHP reads no further either.
        break;
      }
    }
  }
  return { values: [...values], extensions, errors };
}
