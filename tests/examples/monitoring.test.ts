/** The lines of docs/monitoring.md with the agents themselves, as far as Debian has them. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { RunningCommand } from '../harness/child.ts';
import { requires } from '../harness/debian.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { startNginx } from '../harness/nginx.ts';
import { poolText } from '../harness/pool.ts';
import { run, type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import type { WebServer } from '../harness/web-server.ts';

const page = readFileSync(join(checkout, 'docs/monitoring.md'), 'utf8');

/** The fenced text of a language that says that. */
function block(language: string, about: string): string {
  const blocks = [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)];
  const found = blocks.find(([, name, text = '']) => name === language && text.includes(about));
  assert.ok(found?.[2] !== undefined, `docs/monitoring.md has no ${language} about ${about}`);
  return found[2];
}

/** The first value of each file of collectd's csv, by the name of the instance. */
function valuesBelow(folder: string): Record<string, number> {
  const files = globSync('node1/phpfpm-www/*', { cwd: folder });
  return Object.fromEntries(
    files.flatMap((file) => {
      const [, name = ''] = /\w+-(\w+)-[\d-]+$/.exec(file) ?? [];
      const [, value] = /^[\d.]+,([\d.]+)\n/m.exec(readFileSync(join(folder, file), 'utf8')) ?? [];
      return value === undefined ? [] : [[name, Number(value)]];
    }),
  );
}

suite('monitoring agents', { skip: requires('nginx') }, () => {
  let server: Server;
  let web: WebServer;
  /** The same with this test's port. */
  const adapted = (text: string): string => text.replaceAll(/\b8080\b/g, String(web.port));

  before(async () => {
    const lines = block('ini', 'pm.status_path').replace(/^;.*\n/, '');
    server = await startServer({
      pools: (folder) => poolText(folder, 'www', `${lines}pm.max_children = 2`),
    });
    web = await startNginx((port) =>
      block('nginx', '/(status|ping)')
        .replace('8080', String(port))
        .replace('fastcgi_params', '/etc/nginx/fastcgi_params')
        .replace('/run/php/php8.2-fpm.sock', server.socket()),
    );
    const script = server.folder.write('www/a.php', 'a');
    for (let n = 0; n < 3; n += 1) await request(server.socket(), scriptParams(script));
  });

  after(async () => {
    await web?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test('collectd', { skip: requires('collectd-core', 'libyajl2') }, async () => {
    using folder = new TestFolder('hathi-collectd-');
    const values = folder.mkdir('values');
    const configuration = `Hostname "node1"
FQDNLookup false
BaseDir "${folder.path}"
Interval 1
LoadPlugin csv
<Plugin csv>
  DataDir "${values}"
</Plugin>
${adapted(block('apache', 'curl_json'))}`;
    const file = folder.write('collectd.conf', configuration);
    const keys = configuration.match(/<Key /g)?.length ?? 0;
    const pid = folder.join('pid');
    await using collectd = new RunningCommand('/usr/sbin/collectd', ['-f', '-C', file, '-P', pid], {
      env: process.env,
    });
    const read = await poll('the values', () => {
      const found = valuesBelow(values);
      return Object.keys(found).length === keys ? found : undefined;
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${collectd.stderr.text()}`);
    });
    const { accepted_connections: accepted = 0, ...others } = read;
    assert.ok(accepted >= 3, `${accepted}`);
    assert.deepEqual(others, {
      listen_queue: 0,
      active_processes: 1,
      idle_processes: 1,
      max_children_reached: 0,
      slow_requests: 0,
    });
  });

  test('Zabbix', { skip: requires('zabbix-agent') }, async () => {
    const item = adapted(block('', 'web.page.get')).trim();
    const ask = async (key: string): Promise<string> => {
      const { code, stdout, stderr } = await run('/usr/sbin/zabbix_agentd', ['-t', key]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    // The template takes the body by this pattern.
    const [, json = ''] = /\n\s?\n([\s\S]*)\]\n?$/.exec(await ask(item)) ?? [];
    const status = JSON.parse(json) as Record<string, unknown>;
    assert.equal(status['pool'], 'www');
    assert.ok(Number(status['accepted conn']) >= 3);
    assert.match(await ask(item.replace('status?json', 'ping')), /\bpong\b/);
  });
});
