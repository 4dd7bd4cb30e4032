/** The rooms and their rules, scripts/rooms.ts: held by the sources, and each rule broken once on purpose. */

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { circles, violations } from '../scripts/architecture.ts';
import { type Room, rooms } from '../scripts/rooms.ts';
import { definitionsOf, importsOf, includesOf } from '../scripts/source-scan.ts';
import { checkout } from './harness/folder.ts';

/** The sources of the rooms; of `native` the folders that have a row. */
function allSources(): Map<string, string> {
  const native = rooms.some(({ folder }) => folder.startsWith('native/')) ? ['native/*/*.{c,h}'] : [];
  const paths = ['src/**/*.ts', 'dashboard/*.{js,ts}', ...native].flatMap((pattern) =>
    globSync(pattern, { cwd: checkout }),
  );
  return new Map(paths.sort().map((path) => [path, readFileSync(join(checkout, path), 'utf8')]));
}

test('every file keeps the rules of its room', () => {
  const sources = allSources();
  assert.ok(sources.size > 400, `only ${sources.size} files were found`);
  assert.deepEqual(violations(sources), []);
});

test('node:http is imported for its types only: as a value it loads a WebSocket client that nobody uses', () => {
  const importers = [...allSources()]
    .filter(([path, text]) => path.startsWith('src/') && /^import (?!type ).*'node:https?'/m.test(text))
    .map(([path]) => path);
  assert.deepEqual(importers, []);
});

const madeUp: readonly Room[] = [
  { folder: 'src/low', purpose: 'below', imports: [] },
  { folder: 'src/mid', purpose: 'between', imports: ['src/low'], typesOnly: true },
  { folder: 'src/top', purpose: 'above', imports: ['src/low'], writes: 'files', speaks: ['log'] },
  { folder: 'src/cli', purpose: 'arguments', imports: ['src/low'], speaks: ['terminal'] },
  { folder: 'src/log', purpose: 'logs', imports: [], writes: 'logs', speaks: ['log'] },
  { folder: 'src/posix', purpose: 'FFI', imports: [] },
  { folder: 'src/text', purpose: 'text', imports: [] },
  { folder: 'native/wire', purpose: 'C', imports: [] },
  { folder: 'native/worker', purpose: 'C', imports: ['native/wire'] },
  { folder: 'native/php', purpose: 'C', imports: ['native/worker'] },
];

/** Sources that keep all rules and use all that the rows allow. */
const innocent: Readonly<Record<string, string>> = {
  'src/low/a.ts':
    "/**\n * import './b.ts'\n */\nimport { openSync, readFileSync } from 'node:fs';\nopenSync(file, 'r');\n",
  'src/low/b.ts': "// import { a } from '../top/a.ts';\nimport { a } from './a.ts';\n",
  'src/mid/a.ts': "import type { A } from '../low/a.ts';\n",
  'src/top/a.ts': "import {\n  a,\n  b,\n} from '../low/a.ts';\nimport { writeFileSync } from 'node:fs';\n",
  'src/cli/a.ts': "import('../low/a.ts');\nprocess.stderr.write(process.argv[1]);\n",
  'src/posix/a.ts': "import type koffi from 'koffi';\n",
  'src/text/a.ts': 'const unsafe = /[\\x00-\\x1f]/;\n',
  'native/worker/a.c':
    '#include <stdio.h>\n#include "wire/a.h"\n/* hathi_c() */\nvoid hathi_a(const struct hathi_c *c)\n{\n\thathi_b();\n}\n',
  'native/wire/a.h': 'bool hathi_b(void);\n',
  'native/wire/b.c': 'bool hathi_b(void)\n{\n\treturn true;\n}\n',
  'native/php/a.c': '#include <php.h>\nint hathi_c(void)\n{\n\thathi_a();\n}\n',
};

const broken: readonly (readonly [rule: string, path: string, text: string, complaint: RegExp])[] = [
  ['a file has a room', 'src/new/a.ts', '', /in no room/],
  ['an import', 'src/low/c.ts', "import { a } from '../top/a.ts';", /src\/low may not import src\/top/],
  ['an import of a type', 'src/low/c.ts', "import type { A } from '../top/a.ts';", /may not import/],
  ['an import for its effect', 'src/low/c.ts', "import '../top/a.ts';", /may not import/],
  ['an export from elsewhere', 'src/low/c.ts', "export * from '../top/a.ts';", /may not import/],
  ['an import over several lines', 'src/low/c.ts', "import {\n  a,\n} from '../top/a.ts';", /may not import/],
  ['an import while it runs', 'src/low/c.ts', "  const a = await import('../top/a.ts');", /may not import/],
  ['a type where it is used', 'src/low/c.ts', "let a: import('../top/a.ts').A;", /may not import/],
  ['a file by its URL', 'src/low/c.ts', "new URL('../top/a.ts', import.meta.url);", /may not import/],
  ['a program by its name', 'src/low/c.ts', "programModule('top/a');", /may not import/],
  ['a folder that is no room', 'src/low/c.ts', "import '../../tests/a.ts';", /may not import tests/],
  ['types only', 'src/mid/c.ts', "import { a } from '../low/a.ts';", /not as a type/],
  ['writing', 'src/low/c.ts', "import { readSync, writeSync } from 'node:fs';", /uses writeSync/],
  ['writing later', 'src/low/c.ts', "import { unlink } from 'node:fs/promises';", /uses unlink/],
  ['writing under another name', 'src/low/c.ts', "import { rmSync as gone } from 'node:fs';", /uses rmSync/],
  ['everything of the file system', 'src/low/c.ts', "import * as fs from 'node:fs';", /uses \*/],
  [
    'opening to write',
    'src/low/c.ts',
    "import { openSync } from 'node:fs';\nopenSync('/dev/null', 'w');\nopenSync(file, 'wx', 0o600);",
    /uses openSync/,
  ],
  ['a place', 'src/low/c.ts', 'atPlace(path, (place) => place.remove());', /a file at its place/],
  ['a log', 'src/low/c.ts', "import type { ErrorLog } from '../log/error-log.ts';", /prints to the log/],
  ['the terminal', 'src/low/c.ts', "process.stdout.write('a');", /prints to the terminal/],
  ['the console', 'src/top/c.ts', "console.log('a');", /prints to the terminal/],
  ['FFI', 'src/low/c.ts', "import koffi from 'koffi';", /uses FFI/],
  ['FFI on demand', 'src/low/c.ts', "createRequire(import.meta.url)('koffi');", /uses FFI/],
  ['controls', 'src/low/c.ts', "text.replace(/[\\x00-\\x1f\\x7f]/g, '');", /unsafe characters/],
  ['classes of controls', 'src/low/c.ts', "text.replace(/\\p{Cc}/gu, '');", /unsafe characters/],
  ['entities', 'src/low/c.ts', "text.replaceAll('<', '&lt;');", /unsafe characters/],
  [
    'a text from a binary string',
    'src/low/c.ts',
    "Buffer.from(a, 'latin1').toString('utf8');",
    /converts binary/,
  ],
  ['a binary string from a text', 'src/low/c.ts', "Buffer.from(a).toString('latin1');", /converts binary/],
  ['arguments', 'src/top/c.ts', 'const [, , first] = process.argv;', /reads process\.argv/],
  [
    'a circle of types',
    'src/low/a.ts',
    "import type { B } from './b.ts';",
    /files import each other: src\/low\/a/,
  ],
  ['a file of C', 'native/wire/c.c', '#include "worker/a.h"', /native\/wire may not import native\/worker/],
  [
    'a call without a header',
    'native/wire/c.c',
    'void hathi_d(void)\n{\n\thathi_a();\n}',
    /wire\/c\.c imports native\/worker\/a\.c/,
  ],
  [
    'an object without a header',
    'native/worker/c.c',
    'extern int hathi_c;\nint hathi_d = hathi_c;',
    /worker may not import native\/php/,
  ],
  [
    'a circle of calls',
    'native/wire/b.c',
    'bool hathi_b(void)\n{\n\treturn hathi_a();\n}',
    /files import each other: native\/wire\/b\.c, native\/worker\/a\.c/,
  ],
  ["a header of PHP's", 'native/worker/c.c', '#include <zend_extensions.h>', /only native\/php does/],
  ["another header of PHP's", 'native/wire/c.h', '# include <SAPI.h>', /only native\/php does/],
];

test('every rule can be broken', async (context) => {
  const sources = new Map(Object.entries(innocent));
  assert.deepEqual(violations(sources, madeUp), []);
  for (const [rule, path, text, complaint] of broken) {
    await context.test(rule, () => {
      const found = violations(new Map([...sources, [path, `${text}\n`]]), madeUp);
      assert.equal(found.filter((line) => complaint.test(line)).length, 1, found.join('\n'));
    });
  }
});

test('a table that allows a circle of rooms, or what nobody needs, is out of order', () => {
  const low = { ...madeUp[0]!, imports: ['src/top'] };
  const found = violations(new Map(Object.entries(innocent)), [low, ...madeUp.slice(1)]);
  assert.deepEqual(found, [
    'rooms may import each other: src/low, src/top',
    'src/low imports nothing of src/top: take it out of the table',
  ]);
});

test('circles of any length are found, each once', () => {
  const links = new Map([
    ['a', ['b']],
    ['b', ['c', 'node:fs']],
    ['c', ['a', 'd']],
    ['d', ['d']],
    ['e', ['a']],
  ]);
  assert.deepEqual(circles(links), [['a', 'b', 'c'], ['d']]);
});

test('imports are read as the compiler reads them', () => {
  const text = "import type { A } from './a.ts';\nimport b, { c } from '../b.ts';\nexport type D = 'd';\n";
  assert.deepEqual(importsOf('src/x/y.ts', text), [
    { target: 'src/x/a.ts', isType: true },
    { target: 'src/b.ts', isType: false },
  ]);
  assert.deepEqual(includesOf('# include "wire/fcgi.h"\n#include <php.h>\n'), [
    { target: 'native/wire/fcgi.h', isType: false },
  ]);
});

test('definitions of C are told from declarations and calls', () => {
  const text = [
    'static int hathi_own(void)\n{\n\treturn hathi_called(1);\n}',
    'bool hathi_declared(int fd);',
    'const char *hathi_long(const char *name,\n\tsize_t size)\n{\n}',
    '_Noreturn void hathi_ends(void)\n{\n}',
    'extern struct hathi_ini hathi_elsewhere;',
    'struct hathi_ini hathi_object;',
    'const struct hathi_table hathi_table = {\n\t.call = hathi_called,\n};',
  ].join('\n\n');
  const found = definitionsOf(new Map([['native/worker/a.c', text]]));
  assert.deepEqual([...found.keys()], ['hathi_long', 'hathi_ends', 'hathi_object', 'hathi_table']);
});

test('every function that a header of the native engine declares is found where it is defined', () => {
  const sources = allSources();
  const found = definitionsOf(sources);
  const declared = [...sources]
    .filter(([path]) => path.endsWith('.h'))
    .flatMap(([, text]) =>
      [...text.matchAll(/^(?!static|typedef|\t|#| )[^\n]*\b(hathi_\w+)\(/gm)].map(([, name]) => name!),
    );
  assert.ok(declared.length > 100, `only ${declared.length} were read`);
  assert.deepEqual(
    declared.filter((name) => !found.has(name)),
    [],
  );
});
