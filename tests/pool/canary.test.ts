/** The trial of a new generation: its share, and the verdict. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { checkShare, checkStatuses, parseShare, parseStatuses } from '../../src/config/reload-proof.ts';
import { canaryOf, earlyVerdict, finalVerdict, type TrialCounts, takersOf } from '../../src/pool/canary.ts';
import { judgeProbe, probeParams, reloadProbe } from '../../src/pool/reload-probe.ts';
import { durationClass, noDurations } from '../../src/scoreboard/durations.ts';

function counts(ended: number, errors: number, micros = 5000): TrialCounts {
  const classes = noDurations.counts.map((_, index) => (index === durationClass(micros) ? ended : 0));
  return { taken: ended, ended, errors, durations: { ...noDurations, counts: classes } };
}

suite('the share', () => {
  for (const share of [0.01, 0.1, 0.5, 0.99]) {
    // The kernel prefers one of them wherever both accept.
    for (const preferred of ['fresh', 'old'] as const) {
      test(`of ${share * 100} % is kept where the kernel prefers the ${preferred} generation`, () => {
        const taken = { fresh: 0, old: 0 };
        for (let total = 0; total < 2000; total++) {
          const takers = takersOf({ share, timeMs: 1000 }, taken.fresh, taken.old, true);
          taken[takers === 'both' ? preferred : takers] += 1;
          assert.ok(Math.abs(taken.fresh - share * (total + 1)) <= 2.01, `${taken.fresh} of ${total + 1}`);
        }
      });
    }
  }

  test('is given up for a while where the new generation has no idle worker', () => {
    assert.equal(takersOf({ share: 0.5, timeMs: 1000 }, 0, 100, false), 'both');
  });

  test('is a percentage from 1 to 99', () => {
    for (const [written, share] of [
      ['10%', 0.1],
      ['1 %', 0.01],
      ['99%', 0.99],
    ] as const) {
      assert.equal(parseShare(written), share);
      assert.equal(checkShare(written), undefined);
    }
    for (const wrong of ['0%', '100%', '10', '-5%', '0.5%', 'half', '5%%'])
      assert.match(checkShare(wrong) ?? '', /must be a percentage from 1% to 99%/, wrong);
    assert.equal(checkShare(''), undefined);
    assert.equal(canaryOf({ 'reload.canary': '', 'reload.canary_time': 60 }), undefined);
    assert.deepEqual(canaryOf({ 'reload.canary': '5%', 'reload.canary_time': 60 }), {
      share: 0.05,
      timeMs: 60_000,
    });
  });
});

suite('the verdict', () => {
  test('a few errors are no reason before the end, many are', () => {
    assert.equal(earlyVerdict(counts(10, 4), counts(100, 0)), undefined);
    assert.match(
      earlyVerdict(counts(10, 5), counts(100, 0)) ?? '',
      /^5 of its 10 requests failed \(50\.0 %\), before it 0 of 100 \(0\.0 %\)$/,
    );
    assert.match(finalVerdict(counts(10, 1), counts(100, 0)) ?? '', /^1 of its 10/);
  });

  test('errors that the old generation has as well do not count, nor do too few requests or small differences', () => {
    assert.equal(earlyVerdict(counts(100, 30), counts(900, 200)), undefined);
    assert.equal(finalVerdict(counts(100, 1), counts(900, 0)), undefined);
    assert.equal(finalVerdict(counts(0, 0), counts(900, 0)), undefined, 'nobody came');
    assert.equal(finalVerdict(counts(19, 0, 900_000), counts(900, 0)), undefined);
    assert.equal(finalVerdict(counts(500, 0, 15_000), counts(900, 0, 5000)), undefined, 'a few ms');
    assert.equal(finalVerdict(counts(500, 0, 1_300_000), counts(900, 0, 1_000_000)), undefined);
  });

  test('crashes of workers count, whose requests have no answer', () => {
    assert.match(earlyVerdict(counts(0, 5), counts(900, 0)) ?? '', /5 of its 0 requests failed \(100\.0 %\)/);
  });

  test('a much longer p95 is a reason at the end', () => {
    const slow = counts(500, 0, 80_000);
    assert.equal(earlyVerdict(slow, counts(900, 0)), undefined);
    assert.match(
      finalVerdict(slow, counts(900, 0)) ?? '',
      /^the 95th percentile of its requests is \d+ ms, before it/,
    );
  });
});

suite('the probe', () => {
  const settings = {
    'reload.probe': '/healthz?deep=1&x=?',
    'reload.probe_script': '/srv/app/public/index.php',
    'reload.probe_method': 'GET',
    'reload.probe_status': '200, 204,300-399',
    'reload.probe_text': 'ready',
    'reload.probe_timeout': 10,
    'worker.script': undefined,
  } as const;
  const probe = reloadProbe(settings);
  if (probe === undefined) throw new Error('there is a probe');

  test('is a request as a web server sends it', () => {
    const params = new Map(probeParams(probe));
    assert.equal(params.get('REQUEST_URI'), '/healthz?deep=1&x=?');
    assert.equal(params.get('QUERY_STRING'), 'deep=1&x=?');
    assert.equal(params.get('SCRIPT_FILENAME'), '/srv/app/public/index.php');
    assert.equal(params.get('SCRIPT_NAME'), '/index.php');
    assert.equal(params.get('DOCUMENT_ROOT'), '/srv/app/public');
    assert.equal(params.get('HATHI_PROBE'), '1');
  });

  test('goes to the application of worker mode, or to ping, without a script of its own', () => {
    const bare = { ...settings, 'reload.probe_script': '' };
    const booted = reloadProbe({ ...bare, 'worker.script': '/srv/worker.php' });
    assert.equal(booted?.script, '/srv/worker.php');
    const ping = reloadProbe({ ...bare, 'reload.probe': '/ping' });
    assert.equal(ping && new Map(probeParams(ping)).get('SCRIPT_NAME'), '/ping');
    assert.equal(reloadProbe({ ...settings, 'reload.probe': '' }), undefined);
  });

  test('is judged by status and text', () => {
    for (const status of [200, 204, 302])
      assert.equal(judgeProbe(probe, { status, body: 'ready' }), undefined);
    assert.match(judgeProbe(probe, { status: 201, body: '' }) ?? '', /^its answer has status 201$/);
    assert.match(judgeProbe(probe, { status: 200, body: 'starting' }) ?? '', /does not contain "ready"/);
    const page = '<html>\n<b>Fatal</b> error: no\x1b[2J database\nmore';
    assert.equal(
      judgeProbe(probe, { status: 500, body: page }),
      'its answer has status 500: "Fatal error: no\\u001b[2J database"'.replace(
        'Fatal error',
        'Fatal  error',
      ),
    );
  });

  test('expects codes and ranges of codes', () => {
    assert.deepEqual(parseStatuses('200,204'), [
      [200, 200],
      [204, 204],
    ]);
    for (const wrong of ['', '99', '600', '200-', '399-200', '2xx', '200;204'])
      assert.match(checkStatuses(wrong) ?? '', /must be a list of HTTP status codes/, wrong);
  });
});
