/** The configuration of web servers: read as they read it, from their files and from what nginx itself prints. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { leadsTo } from '../../src/doctor/addresses.ts';
import { type ApacheFiles, parseApache, readApache } from '../../src/doctor/apache-config.ts';
import { apachePasses, apacheUser } from '../../src/doctor/apache-passes.ts';
import { filesOfDump, type NginxFiles, parseNginx, readNginx } from '../../src/doctor/nginx-config.ts';
import { nginxPasses } from '../../src/doctor/nginx-passes.ts';
import { nginxBytes, nginxSeconds } from '../../src/doctor/nginx-scope.ts';
import type { FastcgiPass } from '../../src/doctor/web-facts.ts';
import { askAdmin } from '../admin/client.ts';
import { requires } from '../harness/debian.ts';
import { startNginx } from '../harness/nginx.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';
import { Site, siteSkip, useNativeEngine } from './site.ts';

useNativeEngine();

const params =
  'fastcgi_param SCRIPT_NAME $fastcgi_script_name; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;';

/** Passes of a server block. */
function passes(server: string, http = ''): FastcgiPass[] {
  const text = `http { ${http} ${params} server { listen 80; root /srv/www; ${server} } }`;
  return nginxPasses(parseNginx(text, '/etc/nginx/nginx.conf'), '/etc/nginx');
}

function only(server: string, http = ''): FastcgiPass {
  const [pass, ...others] = passes(server, http);
  assert.ok(pass !== undefined && others.length === 0);
  return pass;
}

const pass = 'fastcgi_pass unix:/run/a.sock;';

test('the language: quotes, escapes, comments, braces of variables, Lua, lines', () => {
  const text = `# { comment
user www-data;
http {
  set $a "x; { y # z"; set $b 'it\\'s'; set $c \${a}b{;}
  location ~ "^/\\d{2,3}$" { return 200 a\\;b; }
  content_by_lua_block { local t = { a = "}" } ; fastcgi_pass }; }
  root /srv;
}
`;
  const [user, http] = parseNginx(text, 'f');
  assert.deepEqual([user?.name, user?.args, user?.place.line], ['user', ['www-data'], 2]);
  assert.deepEqual(
    http?.block?.slice(0, 2).map(({ args }) => args[1]),
    ['x; { y # z', "it's"],
  );
  const all = http?.block?.map(({ name, place }) => `${name}:${place.line}`) ?? [];
  assert.ok(all.includes('location:5') && all[0] === 'set:4', all.join(' '));
  assert.deepEqual(
    parseNginx('a { b { c', 'f')[0]?.name,
    'a',
    'blocks that are not closed end with the file',
  );
  assert.deepEqual(parseNginx('}}} x;', 'f'), []);
});

test('a text that is no nginx is read to its end, whatever it is', () => {
  const pieces = [
    '{',
    '}',
    ';',
    '"',
    "'",
    '\\',
    '$',
    '${',
    '#',
    '\n',
    'location ',
    'a',
    '_by_lua_block',
    'server',
    '\u0000',
  ];
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % below;
  };
  for (let round = 0; round < 500; round++) {
    const text = Array.from({ length: random(60) }, () => pieces[random(pieces.length)]).join('');
    nginxPasses(parseNginx(`http { server { ${text} fastcgi_pass a:1; } }`, 'f'), '/');
    apachePasses(parseApache(text.replaceAll('{', '<a').replaceAll('}', '>\n'), 'f'));
  }
});

test('includes: relative ones, patterns, and files that include each other', () => {
  const texts: Readonly<Record<string, string>> = {
    '/etc/n/nginx.conf': 'http { include sites/*; include loop; }',
    '/etc/n/sites/a': 'server { location / { include /etc/n/php; } }',
    '/etc/n/php': pass,
    '/etc/n/loop': 'include loop; include loop;',
  };
  const files: NginxFiles = {
    text: (path) => texts[path],
    matches: (pattern) =>
      pattern.endsWith('*')
        ? Object.keys(texts).filter((path) => path.startsWith(pattern.slice(0, -1)))
        : [pattern],
  };
  const [found] = nginxPasses(readNginx('/etc/n/nginx.conf', files), '/etc/n');
  assert.deepEqual(found?.place, { file: '/etc/n/php', line: 1 });
});

test('what holds is of the innermost block that says it', () => {
  const outer = 'fastcgi_read_timeout 5m; fastcgi_buffer_size 16k; fastcgi_cache zone;';
  const inherited = only(`location / { ${pass} }`, outer);
  assert.deepEqual(
    [inherited.readTimeout, inherited.headBuffer, inherited.caches, inherited.docroot, inherited.buffers],
    [300, 16_384, true, '/srv/www', true],
  );
  const own = only(
    `location / { root html/; fastcgi_read_timeout 90; fastcgi_cache off; fastcgi_buffering off; ${pass} }`,
    outer,
  );
  assert.deepEqual(
    [own.readTimeout, own.caches, own.docroot, own.buffers],
    [90, false, '/etc/nginx/html', false],
  );
  assert.equal(only(`location / { ${pass} }`).readTimeout, 60);
  assert.equal(only(`root /srv/$host; location / { ${pass} }`).docroot, undefined);
  assert.equal(only(`location /a/ { alias /srv/b/; ${pass} }`).docroot, '/srv/b');
});

test('targets: Unix sockets, addresses, upstreams, variables', () => {
  const target = (text: string, http = ''): readonly string[] =>
    only(`location / { fastcgi_pass ${text}; }`, http).targets;
  assert.deepEqual(target('unix:/run/a.sock'), ['/run/a.sock']);
  assert.deepEqual(target('unix:/run/a.sock:'), ['/run/a.sock']);
  assert.deepEqual(target('127.0.0.1:9000'), ['127.0.0.1:9000']);
  assert.deepEqual(target('php', 'upstream php { server unix:/run/a.sock; server 10.0.0.2:9000 backup; }'), [
    '/run/a.sock',
    '10.0.0.2:9000',
  ]);
  assert.deepEqual(target('$socket'), []);
  for (const [left, right] of [
    ['127.0.0.1:9000', '9000'],
    ['localhost:9000', '0.0.0.0:9000'],
    ['/var/run/php/a.sock', '/run/php/a.sock'],
    ['[::1]:9000', '127.0.0.1:9000'],
  ] as const)
    assert.ok(leadsTo(left, right), `${left} ${right}`);
  for (const [left, right] of [
    ['127.0.0.1:9000', '9001'],
    ['10.0.0.2:9000', '9000'],
    ['/run/a.sock', '/run/b.sock'],
  ] as const)
    assert.ok(!leadsTo(left, right), `${left} ${right}`);
});

test('scripts that are not there are passed on only where the client chooses and nobody asks for the file', () => {
  const yes = [
    '~ \\.php$',
    '~* \\.(php|phtml)$',
    '/',
    '/app/',
    '~ [^/]\\.php(/|$)',
    '~ ^.+\\.php',
    '~ ^/api/.*\\.php$',
  ];
  for (const head of yes) assert.equal(only(`location ${head} { ${pass} }`).passesMissing, true, head);
  const no = [
    '= /index.php',
    '~ ^/index\\.php(/|$)',
    '~ ^/(index|app_dev)\\.php(/|$)',
    '~ ^/(?:index|cron)\\.php$',
    '~ ^/(status|ping)$',
    '@php',
  ];
  for (const head of no) assert.equal(only(`location ${head} { ${pass} }`).passesMissing, false, head);
  const asks = [
    'try_files $uri =404;',
    'try_files $fastcgi_script_name =404;',
    'try_files $uri $uri/ /index.php;',
    'if (!-f $document_root$fastcgi_script_name) { return 404; }',
    'if (!-e $request_filename) { rewrite ^ /index.php last; }',
    'internal;',
    'allow 10.0.0.0/8; deny all;',
    'fastcgi_param SCRIPT_FILENAME /srv/app/index.php;',
  ];
  for (const line of asks) {
    assert.equal(only(`location ~ \\.php$ { ${line} ${pass} }`).passesMissing, false, line);
  }
  assert.equal(
    only(`try_files $uri =404; location ~ \\.php$ { ${pass} }`).passesMissing,
    true,
    'not inherited',
  );
  assert.equal(
    only(`location ~ \\.php$ { try_files /index.php =404; ${pass} }`).passesMissing,
    true,
    'always the same',
  );
});

test('who reaches a page is decided by the location that nginx takes, and its rules', () => {
  const reaches = (server: string): boolean => passes(server).some((each) => each.reaches('/fpm-status'));
  assert.equal(reaches(`location / { ${pass} }`), true);
  assert.equal(reaches(`location ~ status { ${pass} }`), true);
  assert.equal(
    reaches(`location = /fpm-status { deny all; } location / { ${pass} }`),
    false,
    'exact before prefix',
  );
  assert.equal(
    reaches(`location ^~ /fpm { deny all; } location ~ status { ${pass} }`),
    false,
    'no regular expression',
  );
  assert.equal(
    reaches(`location /fpm { deny all; } location ~ status { ${pass} }`),
    true,
    'one before a prefix',
  );
  assert.equal(
    reaches(`location ~ ^/fpm { deny all; } location ~ status { ${pass} }`),
    false,
    'the first of two',
  );
  assert.equal(reaches(`location / { location /fpm { ${pass} } }`), true, 'nested');
  assert.equal(reaches(`location ~ \\.php$ { ${pass} }`), false);
  for (const rule of [
    'allow 127.0.0.1; deny all;',
    'deny all;',
    'auth_basic "x";',
    'auth_request /auth;',
    'internal;',
    'return 403;',
    'if ($http_x != 1) { return 404; }',
    'try_files $uri =404;',
    'fastcgi_param SCRIPT_NAME /index.php;',
  ])
    assert.equal(reaches(`location / { ${rule} ${pass} }`), false, rule);
  for (const rule of ['deny 10.0.0.1;', 'allow all; deny all;', 'auth_basic off;', 'allow 127.0.0.1;'])
    assert.equal(reaches(`location / { ${rule} ${pass} }`), true, rule);
  assert.equal(reaches(`auth_basic "x"; location / { ${pass} }`), false, 'inherited');
  assert.equal(reaches(`deny all; location / { allow all; ${pass} }`), true, 'replaced');
  assert.equal(reaches(`return 301 https://x; location / { ${pass} }`), false, 'another server answers');
  const local = parseNginx(
    `http { ${params} server { listen 127.0.0.1:80; listen [::1]:80; location / { ${pass} } } }`,
    'f',
  );
  assert.equal(nginxPasses(local, '/')[0]?.reaches('/fpm-status'), false, 'loopback');
});

/** Server blocks in which PASS is the way to the pool: whatever nginx makes of them has to be foreseen. */
const serverBlocks = [
  'location / { PASS }',
  'location /fpm { PASS }',
  'location /fpm-ping/ { PASS }',
  'location = /fpm-ping { PASS }',
  'location = /fpm-ping { return 404; } location / { PASS }',
  'location ^~ /fpm { return 404; } location ~ ping { PASS }',
  'location /fpm { return 404; } location ~ ping { PASS }',
  'location ~ ping { return 404; } location ~ fpm { PASS }',
  'location ~ fpm { PASS } location ~ ping { return 404; }',
  'location ~* PING { PASS }',
  'location ~ PING { PASS }',
  'location ~ ^/(fpm-status|fpm-ping)$ { PASS }',
  'location ~ \\.php$ { PASS }',
  'location / { location /fpm { PASS } return 404; }',
  'location / { location ~ ping { PASS } } location ~ fpm { return 404; }',
  'location /fpm { location ~ nothing { return 404; } PASS }',
  'location ^~ / { location ~ ping { PASS } } location ~ fpm { return 404; }',
  'location / { try_files $uri =404; PASS }',
  'location / { try_files $uri /index.php; } location ~ \\.php$ { PASS }',
  'location / { if (!-f $request_filename) { return 404; } PASS }',
  'location / { internal; PASS }',
  'location / { deny all; PASS }',
  'deny all; location / { allow all; PASS }',
  'return 301 /x; location / { PASS }',
  'location / { PASS fastcgi_param SCRIPT_NAME /index.php; }',
];

test('nginx itself takes the location that is foreseen', { skip: requires('nginx') }, async () => {
  await using server = await startServer({
    pools: (folder) => poolText(folder, 'www', 'ping.path = /fpm-ping\nlisten.mode = 0666'),
  });
  const way = `include /etc/nginx/fastcgi.conf; fastcgi_pass unix:${server.socket()};`;
  const http = serverBlocks.map(
    (block, index) =>
      `server { listen PORT; server_name s${index}; root /nonexistent; ${block.replace('PASS', way)} }`,
  );
  await using nginx = await startNginx((port) => http.join('\n').replaceAll('PORT', `127.0.0.1:${port}`));
  const answers = await Promise.all(
    serverBlocks.map(async (_, index) => {
      const { body } = await askAdmin({
        port: nginx.port,
        path: '/fpm-ping',
        headers: { host: `s${index}` },
      });
      return body === 'pong';
    }),
  );
  const foreseen = http.map((block) => {
    const files: NginxFiles = {
      text: (path) =>
        path === '/main' ? `http { ${block.replace('PORT', '80')} }` : readFileSync(path, 'utf8'),
      matches: (pattern) => [pattern],
    };
    return nginxPasses(readNginx('/main', files), '/').some((each) => each.reaches('/fpm-ping'));
  });
  assert.deepEqual(
    serverBlocks.filter((_, index) => answers[index] !== foreseen[index]),
    [],
  );
  assert.ok(answers.includes(true) && answers.includes(false));
});

test('units of nginx', () => {
  assert.deepEqual(['300', '5m', '1h30m', '500ms', '1d', 'x', '5 parsecs'].map(nginxSeconds), [
    300,
    300,
    5400,
    0.5,
    86_400,
    undefined,
    undefined,
  ]);
  assert.deepEqual(['32k', '1m', '4096', '1K', 'k'].map(nginxBytes), [
    32_768,
    1_048_576,
    4096,
    1024,
    undefined,
  ]);
});

test('what `nginx -T` prints gives the same as the files', { skip: siteSkip() }, () => {
  using site = new Site();
  const ofFiles = site.facts();
  const main = site.folder.join('etc/nginx/nginx.conf');
  const dump = execFileSync(
    '/usr/sbin/nginx',
    ['-T', '-q', '-p', site.folder.path, '-c', main, '-e', 'stderr'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  assert.equal(filesOfDump(dump.toString())?.keys().next().value, main);
  const ofDump = site.facts(site.folder.write('dump', dump));
  assert.equal(ofFiles.passes.length, 2);
  const plain = ({ reaches, overrides, ...rest }: FastcgiPass) => ({
    ...rest,
    reached: reaches('/fpm-status'),
    classes: [...overrides(site.docroot)],
  });
  assert.deepEqual(ofDump.passes.map(plain), ofFiles.passes.map(plain));
  assert.equal(ofDump.webServers[0]?.user?.name, 'www-data');
  assert.deepEqual(
    ofFiles.pools[0]?.docroots.map(({ path }) => path),
    [site.docroot],
  );
});

/** Passes of a file of Apache. */
function apache(text: string): FastcgiPass[] {
  const files: ApacheFiles = {
    text: () => text,
    matches: () => [],
    variables: new Map([['SOCK', '/run/a.sock']]),
  };
  return apachePasses(readApache('/etc/apache2/apache2.conf', files));
}

const handler = `SetHandler "proxy:unix:\${SOCK}|fcgi://localhost"`;

test('Apache: sections, handlers, variables, time-outs, who may ask', () => {
  const text = (inner: string, also = ''): string =>
    `Timeout 300\nUser www-data\n<VirtualHost *:80>\nDocumentRoot "/srv/a b"\n${also}\n<IfModule proxy_fcgi_module>\n${inner}\n</IfModule>\n</VirtualHost>`;
  const [php] = apache(text(`<FilesMatch ".+\\.ph(?:ar|p|tml)$">\n  ${handler}\n</FilesMatch>`));
  assert.deepEqual(
    [php?.targets, php?.docroot, php?.readTimeout, php?.passesMissing, php?.place.line],
    [['/run/a.sock'], '/srv/a b', 300, false, 8],
  );
  assert.deepEqual([php?.reaches('/fpm-status'), php?.reaches('/status.php')], [false, true]);
  const [set] = apache(text(`${handler}`, 'ProxyTimeout 20'));
  assert.deepEqual([set?.readTimeout, set?.reaches('/fpm-status')], [20, true], 'no section: every path');
  const location = (rule: string, also = ''): boolean | undefined =>
    apache(text(`<Location /fpm-status>\n${rule}\n${handler}\n</Location>`, also))[0]?.reaches('/fpm-status');
  assert.equal(location(''), true);
  assert.equal(location('Require all granted'), true);
  for (const rule of [
    'Require local',
    'Require ip 10',
    'Require all denied',
    'Deny from all',
    'AuthType Basic',
  ])
    assert.equal(location(rule), false, rule);
  assert.equal(
    location('', '<LocationMatch "^/fpm">\nRequire local\n</LocationMatch>'),
    false,
    'a rule elsewhere',
  );
  assert.equal(location('', '<Location /other>\nRequire local\n</Location>'), true);
  const [match] = apache(text('ProxyPassMatch ^/(.*\\.php)$ fcgi://127.0.0.1:9000/srv/$1 timeout=5'));
  assert.deepEqual([match?.targets, match?.passesMissing, match?.readTimeout], [['127.0.0.1:9000'], true, 5]);
  const [ping] = apache(text('ProxyPass "/fpm-ping" "unix:/run/b.sock|fcgi://localhost"'));
  assert.deepEqual(
    [ping?.targets, ping?.reaches('/fpm-ping'), ping?.reaches('/x')],
    [['/run/b.sock'], true, false],
  );
  const found = `<If "-f %{REQUEST_FILENAME}">\n${handler}\n</If>`;
  assert.equal(
    apache(text(`<FilesMatch "\\.php$">\n${found}\n</FilesMatch>`))[0]?.reaches('/status.php'),
    false,
  );
  assert.deepEqual(apache('# SetHandler "proxy:fcgi://a:1"\nSetHandler php-script'), []);
  assert.equal(apacheUser(parseApache('User \\\n  www-data', 'f')), 'www-data');
});
