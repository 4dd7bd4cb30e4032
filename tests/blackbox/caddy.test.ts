import assert from 'node:assert/strict';
import { startCaddy } from '../harness/caddy.ts';
import { requires } from '../harness/debian.ts';
import { testEngines } from '../harness/engines.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';
import { type SiteInfo, writeSite } from '../harness/site.ts';

testEngines('Caddy with php_fastcgi', { skip: requires('caddy') }, async (engine) => {
  await using server = await startServer({ engine, pools: poolText });
  const root = writeSite(server.folder);
  {
    await using caddy = await startCaddy(
      `\troot * ${root}\n\tphp_fastcgi unix/${server.socket()}\n\tfile_server`,
    );
    const infoOf = async (path: string, init?: RequestInit): Promise<SiteInfo> =>
      (await (await fetch(caddy.url(path), init)).json()) as SiteInfo;

    assert.equal(await (await fetch(caddy.url('/style.css'))).text(), 'body { color: black }\n');
    const script = await infoOf('/info.php/extra?a=1', {
      method: 'POST',
      body: new URLSearchParams({ b: '2' }),
    });
    assert.deepEqual([script.get, script.post], [{ a: '1' }, { b: '2' }]);
    assert.equal(script.server['PATH_INFO'], '/extra');
    assert.equal(script.server['SCRIPT_FILENAME'], `${root}/info.php`);
    const front = await infoOf('/pretty/url');
    assert.equal(front.script, 'index.php');
    assert.equal(front.server['REQUEST_URI'], '/pretty/url');
  }
  await server.stop();
});
