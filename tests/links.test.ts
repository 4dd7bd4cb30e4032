/** Links between the documents lead somewhere: to a file that exists and, where they name one, to its heading. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { checkout } from './harness/folder.ts';

const documents = ['*.md', 'docs/*.md', 'native/*.md'];
const namesDocuments = [
  'src/**/*.ts',
  'native/**/*.[ch]',
  'scripts/*.ts',
  'examples/**/*.{yml,conf}',
  'tests/**/*.ts',
];

/** Markdown without fenced code, in which `#` and brackets mean something else. */
function prose(page: string): string {
  return page.replace(/^```[\s\S]*?^```/gm, '');
}

/** The anchors that GitHub makes of the headings; a repeated one gets a number. */
function anchors(page: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ''] of prose(page).matchAll(/^#+ (.*)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = text.replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
    let anchor = slug;
    for (let count = 1; found.has(anchor); count++) anchor = `${slug}-${count}`;
    found.add(anchor);
  }
  return found;
}

/** Links of a page that lead nowhere. Addresses of other hosts are not asked. */
function brokenLinks(file: string, page: string, read: (path: string) => string | undefined): string[] {
  const targets = [...prose(page).matchAll(/\]\(([^)\s]+)\)|<img src="([^"]+)"/g)].map(
    ([, a, b]) => a ?? b ?? '',
  );
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const text = path === '' ? page : read(join(dirname(file), path));
    return text === undefined || (anchor !== undefined && !anchors(text).has(anchor));
  });
}

/** The text of a file, nothing for a folder; undefined when it is missing. */
function readHere(path: string): string | undefined {
  const absolute = join(checkout, path);
  if (!existsSync(absolute)) return undefined;
  return path.endsWith('.md') ? readFileSync(absolute, 'utf8') : '';
}

test('links of the documents lead somewhere', () => {
  const files = globSync(documents, { cwd: checkout });
  assert.ok(files.includes('README.md') && files.includes(join('docs', 'api.md')));
  const broken = files.flatMap((file) =>
    brokenLinks(file, readHere(file) ?? '', readHere).map((link) => `${file}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('sources name documents that exist', () => {
  const own = relative(checkout, import.meta.filename);
  const stale = globSync(namesDocuments, { cwd: checkout })
    .filter((file) => file !== own)
    .flatMap((file) => {
      const names = readFileSync(join(checkout, file), 'utf8').matchAll(/\bdocs\/[\w-]+\.md\b/g);
      return [...names]
        .filter(([name]) => !existsSync(join(checkout, name)))
        .map(([name]) => `${file}: ${name}`);
    });
  assert.deepEqual(stale, []);
});

test('a file or a heading that is missing is told', () => {
  const page =
    '# One `two = 3`\n## Two\n## Two\n```\n# no heading\n[code](x.md)\n```\n[a](#two) [b](#two-1) [c](#one-two--3)';
  const others: Record<string, string> = { 'docs/b.md': '## There' };
  const read = (path: string): string | undefined => others[path];
  assert.deepEqual(brokenLinks('docs/a.md', page, read), []);
  const links =
    '[a](b.md) [b](b.md#there) [c](b.md#gone) [d](c.md) [e](#three) [f](https://x.org/#y) [g](../b.md)';
  assert.deepEqual(brokenLinks('docs/a.md', `${page} ${links}`, read), [
    'b.md#gone',
    'c.md',
    '#three',
    '../b.md',
  ]);
});
