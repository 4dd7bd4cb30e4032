/** The command: forms of the report, exit codes, silence, and progress on a terminal alone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { doctorCommand } from '../../src/cli/doctor.ts';
import { Progress } from '../../src/cli/watch/progress.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { renderHtml } from '../../src/doctor/report-html.ts';
import { renderJson } from '../../src/doctor/report-json.ts';
import { renderText } from '../../src/doctor/report-text.ts';
import { TestFolder } from '../harness/folder.ts';

class Sink extends Writable {
  text = '';
  readonly isTTY: boolean;

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function doctor(args: string[], isTTY = false) {
  const [stdout, stderr] = [new Sink(isTTY), new Sink(isTTY)];
  const code = await doctorCommand(args, { stdout, stderr, env: { PATH: process.env['PATH'] } });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** A pool on the embedded engine, which needs no build: one thing in it is critical. */
function configuration(folder: TestFolder): string {
  return folder.write(
    'php-fpm.conf',
    `[global]\nerror_log = ${folder.join('none/error.log')}\n[www]\nuser = backup\nengine = embedded\nlisten = 9000\npm = static\npm.max_children = 2\nslowlog = ${folder.join('none/slow.log')}\nrequest_slowlog_timeout = 2s\n`,
  );
}

describe('hathi doctor', () => {
  test('JSON, text and page tell the same, and no log is made', async () => {
    using folder = new TestFolder();
    const file = configuration(folder);
    const page = folder.join('report.html');
    const json = await doctor(['-y', file, '--json', '--html', page]);
    assert.equal(json.code, 2, json.stderr);
    assert.equal(json.stderr, '');
    const report = JSON.parse(json.stdout);
    assert.equal(report.file, file);
    const open = report.findings.find(({ id }: Finding) => id === 'tcp-open');
    assert.deepEqual([open.severity, open.subject, open.file, open.line], ['critical', 'pool www', file, 6]);
    assert.equal(
      report.counts.critical,
      report.findings.filter(({ severity }: Finding) => severity === 'critical').length,
    );
    const text = await doctor(['-y', file]);
    assert.match(text.stdout, /^CRITICAL tcp-open {2}pool www, .*php-fpm\.conf:6\n {2}seen {4}listen = 9000/);
    const html = readFileSync(page, 'utf8');
    for (const { id } of report.findings) {
      assert.ok(html.includes(`<code>${id}</code>`), id);
      assert.match(text.stdout, new RegExp(`^[A-Z]+ ${id} `, 'm'));
    }
    assert.doesNotMatch(html, /<script|src=|https?:\/\/[^"<]*\.(?:js|css)/);
    const { existsSync } = await import('node:fs');
    assert.equal(existsSync(folder.join('none')), false);
  });

  test('a silenced check is left out and named, an unknown one refused with the nearest', async () => {
    using folder = new TestFolder();
    const file = configuration(folder);
    const { stdout, code } = await doctor([
      '-y',
      file,
      '--silence',
      'tcp-open,max-requests',
      '--silence=php-cves',
    ]);
    assert.doesNotMatch(stdout, /CRITICAL tcp-open|ADVICE max-requests/);
    assert.match(stdout, /^Silenced: tcp-open, max-requests, php-cves$/m);
    assert.ok(code < 2);
    const wrong = await doctor(['-y', file, '--silence', 'tcp-opne']);
    assert.deepEqual([wrong.code, wrong.stdout], [64, '']);
    assert.match(wrong.stderr, /there is no check "tcp-opne": did you mean "tcp-open"\?/);
  });

  test('a file that is not there is one critical finding, and pools are unknown', async () => {
    const { code, stdout } = await doctor(['-y', '/nonexistent/php-fpm.conf']);
    assert.equal(code, 2);
    assert.match(stdout, /^CRITICAL configuration /);
    assert.match(stdout, /^Not looked at:\n {2}the pools: the configuration is not valid$/m);
  });

  test('wrong arguments and a page that cannot be written are refused', async () => {
    using folder = new TestFolder();
    assert.equal((await doctor(['--what'])).code, 64);
    assert.equal((await doctor(['stray'])).code, 64);
    const { code, stderr } = await doctor([
      '-y',
      configuration(folder),
      '--html',
      folder.join('no/page.html'),
    ]);
    assert.equal(code, 64);
    assert.match(stderr, /cannot write ".*page\.html"/);
    assert.match((await doctor(['--help'])).stdout, /^Usage: hathi doctor /);
  });

  test('progress is shown on a terminal, taken away at the end, and not shown on a pipe', async () => {
    using folder = new TestFolder();
    const file = configuration(folder);
    const onTerminal = await doctor(['-y', file], true);
    assert.match(onTerminal.stderr, /^\r\x1b\[Kconfiguration.*\r\x1b\[K$/s);
    assert.match(onTerminal.stdout, /\x1b\[1;31mCRITICAL tcp-open\x1b\[0m/);
    assert.equal((await doctor(['-y', file])).stderr, '');
  });
});

test('progress keeps its pace, its width, and strangers’ text in one row', () => {
  const out = new Sink(true);
  let now = 0;
  const progress = new Progress(out, {}, () => now);
  progress.step('first');
  progress.step('too soon');
  now = 200;
  progress.step(`a\nb\x1b[2J${'x'.repeat(200)}`);
  progress.clear();
  progress.clear();
  const [, first, second = '', ...rest] = out.text.split('\r\x1b[K');
  assert.equal(first, 'first');
  assert.match(second, /^a\ufffdb\ufffd\[2Jx+$/);
  assert.equal(second.length, 79);
  assert.deepEqual(rest, ['']);
  const dumb = new Sink(true);
  new Progress(dumb, { TERM: 'dumb' }).step('x');
  assert.equal(dumb.text, '');
});

test('a step that is shown again and again ends with the line', async () => {
  const out = new Sink(true);
  const progress = new Progress(
    out,
    {},
    (() => {
      let now = 0;
      return () => (now += 1000);
    })(),
  );
  await new Promise<void>((resolve) => {
    progress.every(1, (passed) => {
      if (passed >= 3000) resolve();
      return `${passed / 1000} s`;
    });
  });
  progress.clear();
  assert.match(out.text, /^\r\x1b\[K\d s\r\x1b\[K\d s.*\r\x1b\[K$/);
  const shown = out.text;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(out.text, shown);
});

test('findings that differ in their place alone are one block, and long remedies are cut, but not in JSON', () => {
  const finding = (subject: string, lines: number): Finding => ({
    id: 'max-requests',
    severity: 'advice',
    subject,
    seen: 'it is 0',
    mend: Array.from({ length: lines }, (_, index) => `line ${index}`),
    effect: 'It leaks.',
    source: { text: 'x' },
  });
  const findings = [
    finding('pool a', 30),
    ...Array.from({ length: 12 }, (_, index) => finding(`pool b${index}`, 1)),
  ];
  const report = { file: 'f', findings, unknown: [], silenced: [], checks: 1 };
  const text = renderText(report, false);
  assert.equal(text.match(/ADVICE/g)?.length, 1);
  assert.match(text, /^ {2}also {4}pool b0, pool b1, .* and 2 more$/m);
  assert.match(text, /line 23\n {10}… 6 lines more: --json has all\n/);
  assert.match(text, /f: 13 advice by 1 checks/);
  assert.match(renderHtml(report, new Date(0)), /<dt>Also<\/dt><dd>pool b0,/);
  assert.equal(JSON.parse(renderJson(report)).findings.length, 13);
});

test('what strangers wrote cannot leave its place in any form', () => {
  const evil = '</pre><script>alert(1)</script>\x1b[2J\n\u202e';
  const finding: Finding = {
    id: 'phpinfo',
    severity: 'warning',
    subject: evil,
    place: { file: evil, line: 1 },
    seen: evil,
    mend: [evil],
    effect: 'It shows.',
    source: { text: 'x', url: 'https://example.org/?a&b' },
  };
  const report = { file: evil, findings: [finding], unknown: [evil], silenced: [], checks: 1 };
  assert.doesNotMatch(renderHtml(report, new Date(0)), /<script|\x1b|\u202e/);
  assert.doesNotMatch(renderText(report, false), /\x1b|\u202e/);
  const json = renderJson(report);
  assert.doesNotMatch(json, /[\x1b\u202e]/);
  assert.equal(JSON.parse(json).findings[0].seen, evil);
});
