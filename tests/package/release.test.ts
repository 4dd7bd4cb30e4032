/** The release script, on a copy of the checkout that is a repository of its own. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { notesOf, released } from '../../scripts/release-changelog.ts';
import { type Bom, billOfMaterials } from '../../scripts/release-sbom.ts';
import { isFresh, PodmanEnvironment, prepareImages } from '../harness/containers.ts';
import { requires } from '../harness/debian.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { type CommandResult, isRoot, run } from '../harness/server.ts';
import { nativeBuild } from '../native/built-engine.ts';

const changelog =
  '# Changelog\n\n## 0.2.0 (not released)\n\n- A fault.\n\n## 0.1.0 (2026-01-01)\n\n- First.\n';

/** What CycloneDX's own schema has against it; null for nothing. */
async function schemaErrors(bom: Bom): Promise<unknown> {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot5);
  return await validator.validate(JSON.stringify(bom));
}

test('the changelog: its first section gets the date', () => {
  const text = released(changelog, '0.2.0', '2026-11-30');
  assert.equal(text, changelog.replace('(not released)', '(2026-11-30)'));
  assert.equal(notesOf(text, '0.2.0'), '- A fault.');
  assert.equal(notesOf(text, '0.1.0'), '- First.');
  assert.equal(notesOf(text, '0.3.0'), '');
});

for (const [title, text, message] of [
  ['no section', '# Changelog\n', /no section "## 0\.2\.0 \(not released\)": it has no section at all/],
  ['another version', changelog.replace('0.2.0', '0.3.0'), /its first section is "## 0\.3\.0/],
  ['released already', released(changelog, '0.2.0', '2026-02-02'), /its first section is "## 0\.2\.0 \(2026/],
  ['an empty section', changelog.replace('- A fault.', ''), /is empty/],
  ['not at the top', `## 1.0.0 (2026-01-01)\n\n- x\n\n${changelog}`, /is not the first section/],
] as const) {
  test(`the changelog is refused: ${title}`, () => {
    assert.throws(() => released(text, '0.2.0', '2026-11-30'), message);
  });
}

test('the bill of materials names packages, Node and Debian, and is the same for the same content', async () => {
  const npm: Bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    serialNumber: 'urn:uuid:random',
    metadata: {
      timestamp: '2026-11-29T00:00:00.000Z',
      component: {
        'bom-ref': 'hathi@0.2.0',
        type: 'library',
        name: 'x',
        version: '0.2.0',
        purl: 'pkg:npm/x',
      },
    },
    components: [
      {
        'bom-ref': 'koffi@3.0.0',
        type: 'library',
        name: 'koffi',
        version: '3.0.0',
        purl: 'pkg:npm/koffi@3.0.0',
      },
    ],
    dependencies: [{ ref: 'hathi@0.2.0', dependsOn: ['koffi@3.0.0'] }],
  };
  const parts = {
    version: '0.2.0',
    node: '24.21.0',
    wanted: ['libc6', 'libatomic1'],
    image: [['libc6', '2.36-9+deb12u10', 'amd64']] as const,
    at: '2026-11-30T00:00:00.000Z',
  };
  const bom = billOfMaterials(npm, parts);
  assert.equal(bom.metadata.component.name, 'hathi');
  assert.deepEqual(
    bom.components.map(({ purl }) => purl),
    [
      'pkg:npm/koffi@3.0.0',
      'pkg:generic/node@24.21.0',
      'pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64',
      'pkg:deb/debian/libatomic1',
    ],
  );
  const refs = bom.components.map((component) => component['bom-ref']);
  assert.deepEqual(bom.dependencies[0]?.dependsOn, refs);
  assert.match(
    String(bom['serialNumber']),
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.deepEqual(billOfMaterials({ ...npm, serialNumber: 'another' }, parts), bom);
  assert.equal(await schemaErrors(bom), null);
  const [first] = bom.components;
  assert.ok(first !== undefined);
  assert.notEqual(await schemaErrors({ ...bom, components: [{ ...first, type: 'part' }] }), null);
});

const skip = requires('git', 'php-dev', 'php-cli') || (!isRoot && 'needs root');

describe('a release', { skip }, () => {
  const folder = new TestFolder('hathi-release-');
  const source = folder.mkdir('source');
  const out = folder.join('out');
  /** An image takes a minute: only where one asks for it. */
  const podman = isFresh ? new PodmanEnvironment() : undefined;
  let image = ['--no-image'];

  const git = async (...args: string[]): Promise<string> => {
    const names = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org'];
    const { code, stdout, stderr } = await run('git', [...names, ...args], { cwd: source });
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };
  const release = (...args: string[]): Promise<CommandResult> =>
    run(process.execPath, ['scripts/release.ts', ...image, '--out', out, ...args], {
      cwd: source,
      cap: 230_000,
      env: {
        ...process.env,
        ...podman?.variables,
        GIT_AUTHOR_NAME: 'Test',
        GIT_AUTHOR_EMAIL: 'test@example.org',
        GIT_COMMITTER_NAME: 'Test',
        GIT_COMMITTER_EMAIL: 'test@example.org',
      },
    });

  before(async () => {
    if (isFresh) {
      const bases = prepareImages(() => {});
      assert.ok(typeof bases !== 'string', String(bases));
      image = ['--base', bases.php];
    }
    for (const name of readdirSync(checkout)) {
      if (['.git', 'node_modules', 'dist', 'tests', 'packages', 'dist-release', '.cache'].includes(name))
        continue;
      cpSync(join(checkout, name), join(source, name), { recursive: true });
    }
    const heading = /^## \d+\.\d+\.\d+ \(.*\)$/m;
    const text = readFileSync(join(source, 'CHANGELOG.md'), 'utf8');
    folder.write('source/CHANGELOG.md', text.replace(heading, '## 7.8.9 (not released)'));
    // Not a link: npm does not take packages elsewhere for those of the copy.
    const packages = [join(checkout, 'node_modules'), source];
    const linked = await run('cp', ['-al', ...packages], { cap: 60_000 });
    if (linked.code !== 0) assert.equal((await run('cp', ['-a', ...packages], { cap: 60_000 })).code, 0);
    await git('init', '--quiet');
    await git('add', '--all');
    await git('commit', '--quiet', '-m', 'All');
  });

  after(() => {
    podman?.[Symbol.dispose]();
    folder[Symbol.dispose]();
  });

  test('is refused before anything is changed', async () => {
    const refused = async (pattern: RegExp, ...args: string[]): Promise<void> => {
      const { code, stderr } = await release(...args);
      assert.equal(code, 1, stderr);
      assert.match(stderr, pattern);
    };
    await refused(/"7\.8" is not a version/, '7.8');
    await refused(/CHANGELOG\.md has no section "## 7\.9\.0 \(not released\)"/, '7.9.0');
    folder.write('source/untracked.txt', '');
    await refused(/not committed:\n\?\? untracked\.txt\n/, '7.8.9');
    await git('clean', '--quiet', '--force');
    await git('tag', 'v7.8.9');
    await refused(/the tag "v7\.8\.9" exists already/, '7.8.9');
    await git('tag', '--delete', 'v7.8.9');
    assert.equal((await release()).code, 64);
  });

  test('can be rehearsed without a trace', async () => {
    const { code, stdout, stderr } = await release('7.8.9', '--dry-run');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^7\.8\.9 can be released/);
    assert.equal(await git('status', '--porcelain'), '');
    assert.ok(!existsSync(out));
  });

  test('fails without a trace when a part cannot be made', async () => {
    // A place for its files that is none: the last --out counts.
    const { code, stderr } = await release('7.8.9', '--out', join(folder.write('file', ''), 'below'));
    assert.equal(code, 1, stderr);
    assert.equal(await git('status', '--porcelain'), '');
    assert.equal(await git('tag'), '');
  });

  test('has all parts, their checksums, a commit and a tag', async () => {
    const { code, stdout, stderr } = await release('7.8.9', '--engine', nativeBuild().folder, '--level', '1');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /tagged as v7\.8\.9/);
    const names = readdirSync(out).sort();
    const parts = [
      /^SHA256SUMS$/,
      /^hathi-7\.8\.9\.cdx\.json$/,
      /^hathi-7\.8\.9\.tgz$/,
      /^hathi_7\.8\.9_\w+\.deb$/,
    ];
    if (isFresh) parts.splice(1, 0, /^hathi-7\.8\.9-image\.tar$/);
    assert.equal(names.length, parts.length, names.join(' '));
    for (const [index, part] of parts.entries()) assert.match(names[index] ?? '', part);
    for (const line of readFileSync(join(out, 'SHA256SUMS'), 'utf8').trim().split('\n')) {
      const [sum = '', name = ''] = line.split('  ');
      const content = readFileSync(join(out, name));
      assert.equal(createHash('sha256').update(content).digest('hex'), sum, name);
    }
    const bom = JSON.parse(readFileSync(join(out, 'hathi-7.8.9.cdx.json'), 'utf8')) as Bom;
    assert.equal(await schemaErrors(bom), null);
    assert.equal(bom.metadata.component['bom-ref'], 'hathi@7.8.9');
    const listed = bom.components.map(({ name }) => name);
    const ofImage = isFresh ? ['php8.2-cli', 'ca-certificates'] : [];
    for (const name of ['koffi', 'send', 'uplot', 'node', 'libatomic1', ...ofImage])
      assert.ok(listed.includes(name), name);
    assert.equal(new Set(bom.components.map((part) => part['bom-ref'])).size, listed.length);
    const tarball = await run('tar', ['-xzOf', join(out, 'hathi-7.8.9.tgz'), 'package/package.json']);
    assert.equal((JSON.parse(tarball.stdout) as { version: string }).version, '7.8.9');

    assert.equal(await git('describe', '--tags'), 'v7.8.9');
    assert.equal(await git('status', '--porcelain'), '');
    assert.match(readFileSync(join(source, 'CHANGELOG.md'), 'utf8'), /^## 7\.8\.9 \(\d{4}-\d\d-\d\d\)$/m);
  });
});
