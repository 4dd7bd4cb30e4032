/** Each fault is planted into an installation where nothing is wrong, and has to be the one finding. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { checks } from '../../src/doctor/checks.ts';
import { examine, exitCodeOf } from '../../src/doctor/finding.ts';
import { missingReleases } from '../../src/engine/security-releases.ts';
import { severities } from '../../src/figures/findings.ts';
import { testedPhp } from '../harness/debian.ts';
import { checkout } from '../harness/folder.ts';
import { faults, harmless } from './faults.ts';
import { Site, siteSkip, useNativeEngine } from './site.ts';

const skip = siteSkip();
useNativeEngine();

/** A machine whose PHP is behind the table has that finding by right. */
function isOwnFault(id: string, version: string | undefined): boolean {
  return id === 'php-cves' && version !== undefined && missingReleases(version).length > 0;
}

describe('hathi doctor on files', { skip }, () => {
  test("nothing is found in Debian's installation with the guide's configuration", () => {
    using site = new Site();
    const facts = site.facts();
    const found = examine(checks, facts).filter(({ id }) => !isOwnFault(id, facts.pools[0]?.php.version));
    assert.deepEqual(found, []);
    assert.deepEqual(facts.unknown, []);
    assert.equal(facts.pools[0]?.php.engine, 'native');
    assert.ok(facts.pools[0]?.ini.extensions.has('opcache'));
  });

  test("of Debian's own pool and server, as they are installed, a checklist asks for five things", () => {
    using site = new Site();
    const shipped = `/etc/php/${testedPhp}/fpm/pool.d/www.conf`;
    site.pools = readFileSync(shipped, 'utf8');
    [site.ini, site.nginx] = ['', ''];
    const facts = site.facts();
    const found = examine(checks, facts).filter(({ id }) => !isOwnFault(id, facts.pools[0]?.php.version));
    assert.deepEqual(
      found.map(({ severity, id }) => `${severity} ${id}`),
      ['max-requests', 'open-basedir', 'disable-functions', 'no-slow-log', 'opcache-timestamps'].map(
        (id) => `advice ${id}`,
      ),
    );
  });

  for (const { id, name, severity, plant, alter, seen, mend } of faults) {
    test(`${id}: ${name}`, () => {
      using site = new Site();
      plant(site);
      const seenFacts = site.facts();
      const facts = alter?.(seenFacts) ?? seenFacts;
      const found = examine(checks, facts).filter(
        (finding) => finding.id === id || !isOwnFault(finding.id, facts.pools[0]?.php.version),
      );
      assert.deepEqual(
        [...new Set(found.map((finding) => `${finding.severity} ${finding.id}`))],
        [`${severity} ${id}`],
      );
      assert.match(found[0]?.seen ?? '', seen);
      assert.ok(
        found[0]?.mend.some((line) => mend.test(line)),
        `${mend} in ${found[0]?.mend.join('\n')}`,
      );
      assert.equal(exitCodeOf(found), { critical: 2, warning: 1, advice: 0 }[severity]);
    });
  }

  for (const { name, plant } of harmless) {
    test(`nothing is found: ${name}`, () => {
      using site = new Site();
      plant(site);
      const facts = site.facts();
      const found = examine(checks, facts).filter(({ id }) => !isOwnFault(id, facts.pools[0]?.php.version));
      assert.deepEqual(found, []);
    });
  }

  test('the changelog of the package counts, and what neither has is a finding', () => {
    using site = new Site();
    const facts = site.facts();
    const [pool] = facts.pools;
    assert.ok(pool !== undefined);
    assert.ok(pool.php.fixed.has('CVE-2026-6735'));
    const at = (version: string, fixed: readonly string[]) =>
      examine(checks, {
        ...facts,
        pools: [{ ...pool, php: { ...pool.php, version, onDisk: version, fixed: new Set(fixed) } }],
      });
    assert.deepEqual(
      at('8.2.32', []).map(({ id }) => id),
      ['php-cves'],
    );
    const all = missingReleases('8.2.32').flatMap(({ cves }) => cves);
    assert.deepEqual(at('8.2.32', all), [], 'backported by the distribution');
    const [left] = at('8.2.32', all.slice(1));
    assert.match(left?.seen ?? '', new RegExp(`^1 CVEs .* ${all[0]};`));
  });
});

test('the checklist of the documentation names checks that there are', () => {
  const page = readFileSync(join(checkout, 'docs/doctor.md'), 'utf8');
  const list = /## The guide's checklist\n(.*?)\n## /s.exec(page)?.[1] ?? '';
  const named = [...list.matchAll(/^\|[^|]*\|([^|]*)\|$/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, id]) => id),
  );
  assert.ok(named.length > 20);
  const ids = new Set(checks.map(({ id }) => id));
  assert.deepEqual(
    named.filter((id) => !ids.has(id ?? '')),
    [],
  );
});

test('a fault is planted for each check that looks at files, and the table has every id once', () => {
  const planted = new Set(faults.map(({ id }) => id));
  const offline = checks.filter(({ live }) => live !== true).map(({ id }) => id);
  assert.deepEqual(
    offline.filter((id) => !planted.has(id)),
    [],
  );
  assert.equal(new Set(checks.map(({ id }) => id)).size, checks.length);
  for (const { id, severity, effect, source } of checks) {
    assert.match(id, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(severities.includes(severity));
    assert.match(effect, /^[A-Z].*[.:]$/);
    assert.ok(source.text !== '');
  }
});
