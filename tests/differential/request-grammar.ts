/** Requests made by chance: what web servers send for a script, and a few changes to it. `@` stands for the docroot. */
import type { Chance } from './random.ts';

/** A FastCGI request as it goes over the wire. Texts are binary strings. */
export interface RandomRequest {
  readonly pool: string;
  readonly role: number;
  readonly flags: number;
  readonly params: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** Bytes of content in a record of the body. */
  readonly piece: number;
  /** Bytes of padding behind each record. */
  readonly padding: number;
}

export const pools = ['www', 'nofix', 'any'] as const;

function list(text: string): string[] {
  return text.split(' ¦ ');
}

const scripts = list(
  '@/info.php ¦ @/sub/deep.php ¦ @/sub ¦ @/sub/ ¦ @/none.php ¦ @/none ¦ @ ¦ @/ ¦ @/info.txt ¦ @/noext ¦ @/sp ace.php ¦ ' +
    '@/folder.php ¦ @/closed.php ¦ @/fails.php ¦ @/parse.php ¦ @/exit.php ¦ @/upper.PHP ¦ @/.php ¦ @/x.phar ¦ @/../www/info.php ¦ @//info.php ¦ ' +
    '@/./info.php ¦ info.php ¦ / ¦ /status ¦ /ping ¦ @/link.php ¦ @/caf\xc3\xa9.php ¦ @/a%20b.php ¦ @/headers.php ¦ ' +
    '@/sub/info.php/deep.php ¦ php://input ¦ @/info.php. ¦ @/finish.php ¦ @/status.php',
);
const tails = list(
  ' ¦  ¦  ¦ / ¦ /a/b ¦ /a%20b+c ¦ /a b ¦ //x ¦ /info.php ¦ /a/../b ¦ /\xc3\xa9 ¦ ?q=1 ¦ /a?b=c ¦ \\x ¦ /.',
);
const proxies = list(
  'proxy:fcgi://localhost:9000 ¦ proxy:fcgi://h ¦ PROXY:FCGI://h ¦ proxy:balancer://b ¦ proxy:fcgi:/ ¦ proxy:unix: ¦ proxy:http://h',
);
const names = list(
  '/info.php ¦ /info.php/a/b ¦ /sub/deep.php ¦ /none.php ¦ / ¦  ¦ /status ¦ /ping ¦ /STATUS ¦ /status/ ¦ /other ¦ /a%20b ¦ /info.php/a b+c ¦ /~user/info.php',
);
const infos = list(
  '/a/b ¦ /info.php/a/b ¦ / ¦  ¦ /a%20b+c ¦ /a b ¦ /info.php ¦ x ¦ /sub/deep.php/a ¦ /ping ¦ /status ¦ /\xe9',
);
const methods = list('GET ¦ POST ¦ HEAD ¦ PUT ¦ DELETE ¦ get ¦  ¦ OPTIONS ¦ POST ¦ G"T ¦ PATCH');
const types = list(
  'application/x-www-form-urlencoded ¦ text/plain ¦ application/json ¦  ¦ multipart/form-data; boundary=b ¦ multipart/form-data ¦ APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8 ¦ application/x-www-form-urlencoded,x',
);
const queries = list(
  ' ¦ a=1&b[]=2&b[]=3 ¦ html ¦ json&full ¦ xml ¦ full ¦ html&full ¦ xml&full ¦ openmetrics ¦ a b ¦ a=%00 ¦ %zz ¦ a=1;b=2 ¦ ?x ¦ a.b=1&c d=2 ¦ a[b][c]=1 ¦ a=<b>"\' ¦ \xe9',
);
const credentials = list(
  'Basic dXNlcjpwYXNz ¦ basic dXNlcjpwYXNz ¦ Basic dXNlcg== ¦ Basic OnBhc3M= ¦ Basic dXNlcjo= ¦ Basic ??? ¦ Basic ¦ Digest username="u" ¦ digest x ¦ Bearer x ¦  ¦ Basic dXNlcjpwYXNz, x ¦ Basic  dXNlcjpwYXNz',
);
const addresses = list('127.0.0.1 ¦ ::1 ¦  ¦ x');
const settings = list(
  'precision=5 ¦ no.such=1 ¦ [section]\\nprecision=5 ¦ precision ¦ precision= ¦ =5 ¦ precision=5\\nno.such=1 ¦ a[b]=c ¦ "x ¦ precision=(5 ¦ precision=5 ; x ¦ \'x ¦ yes=1',
);
const bodies = list(
  'a=1&b=2 ¦  ¦ {"a":1} ¦ --b\\r\\nContent-Disposition: form-data; name="f"; filename="x.txt"\\r\\nContent-Type: text/plain\\r\\n\\r\\nhello\\r\\n--b--\\r\\n ¦ x ¦ \0\xff',
).map((text) => text.replaceAll('\\r', '\r').replaceAll('\\n', '\n'));
const lengths = list('0 ¦ 1 ¦ -1 ¦ x ¦  ¦ 3x ¦ 00 ¦ +2');
const headers = list(
  'HTTP_HOST ¦ HTTP_X_FOO ¦ HTTP_X_FOO_BAR ¦ HTTP_x_lower ¦ HTTP_ ¦ HTTP__X ¦ HTTP_PROXY ¦ http_proxy ¦ HTTP_COOKIE ¦ HTTP_X-Y ¦ HTTP_X__Y ¦ HTTP_X_ ¦ HTTP_A_1B_C ¦ HTTP_1A ¦ HTTP_ACCEPT_ENCODING ¦ HTTP_CONTENT_TYPE ¦ HTTP_CONTENT_LENGTH ¦ REDIRECT_HTTP_X ¦ HTTP_X_REQUEST_ID',
);
const short = list('z ¦  ¦ a b ¦ "q" ¦ \xe9 ¦ a=b; c=d ¦ x\ty ¦ x\ny ¦ 1 ¦ <b>');
const values = short.concat('v'.repeat(127), 'v'.repeat(128), 'v'.repeat(700));
const others = list(
  'SERVER_NAME ¦ HTTPS ¦ AUTH_TYPE ¦ REMOTE_USER ¦ PHP_SELF ¦ argv ¦ REQUEST_TIME ¦ FCGI_ROLE ¦ USER ¦ HOME ¦ PATH ¦ A ¦ a.b ¦ a bc ¦ a[b] ¦ UNIQUE_ID ¦ PHP_AUTH_USER ¦ PHP_AUTH_PW ¦ ORIG_PATH_INFO ¦ ORIG_SCRIPT_NAME ¦ GATEWAY_INTERFACE ¦ REDIRECT_STATUS ¦ DOCUMENT_URI',
).concat('', 'N'.repeat(130));

type Params = [name: string, value: string][];

function set(params: Params, name: string, value: string | undefined): void {
  const at = params.findIndex(([known]) => known === name);
  if (at >= 0) params.splice(at, 1);
  if (value !== undefined) params.push([name, value]);
}

/** Usual parameters of a web server. */
function usual(chance: Chance): Params {
  const script = chance.once(3) ? chance.pick(scripts) : '@/info.php';
  const tail = chance.once(3) ? chance.pick(tails) : '';
  const name = chance.once(3) ? chance.pick(names) : script.startsWith('@/') ? script.slice(1) : script;
  return [
    ['SCRIPT_FILENAME', (chance.once(6) ? chance.pick(proxies) : '') + script + tail],
    ['SCRIPT_NAME', name],
    ['REQUEST_METHOD', 'GET'],
    ['QUERY_STRING', chance.once(3) ? chance.pick(queries) : ''],
    ['REQUEST_URI', chance.pick([name, `${name}?x`, '/', ''])],
    ['DOCUMENT_ROOT', '@'],
    ['SERVER_PROTOCOL', 'HTTP/1.1'],
    ['REMOTE_ADDR', chance.pick(addresses)],
    ['SERVER_SOFTWARE', chance.once(12) ? 'Microsoft-IIS/10.0' : 'fuzz'],
  ];
}

const changes: readonly ((chance: Chance, params: Params) => void)[] = [
  (chance, params) => set(params, 'PATH_INFO', chance.pick(infos)),
  (chance, params) => set(params, 'PATH_TRANSLATED', chance.pick(scripts) + chance.pick(tails)),
  (chance, params) => set(params, 'REDIRECT_URL', chance.pick(names)),
  (chance, params) => set(params, 'DOCUMENT_ROOT', chance.pick([undefined, '', '@/', '/', '@/sub', 'rel'])),
  (chance, params) => set(params, 'REQUEST_METHOD', chance.pick([undefined, ...methods])),
  (chance, params) => set(params, 'SCRIPT_FILENAME', chance.once(4) ? undefined : chance.pick(scripts)),
  (chance, params) => set(params, 'SCRIPT_NAME', chance.once(4) ? undefined : chance.pick(names)),
  (chance, params) => set(params, 'QUERY_STRING', chance.once(4) ? undefined : chance.pick(queries)),
  (chance, params) => set(params, 'HTTP_AUTHORIZATION', chance.pick(credentials)),
  (chance, params) => params.push([chance.pick(headers), chance.pick(values)]),
  (chance, params) => params.push([chance.pick(headers), chance.pick(values)]),
  (chance, params) => params.push([chance.pick(others), chance.pick(values)]),
  (chance, params) => params.push([...chance.pick(params)]),
  (chance, params) => params.push([chance.pick(params)[0], chance.pick(short)]),
  (chance, params) => void params.splice(chance.below(params.length), 1),
  (chance, params) => void params.sort(() => chance.fraction() - 0.5),
  (chance, params) => set(params, 'PHP_VALUE', chance.pick(settings).replaceAll('\\n', '\n')),
  // Its settings stay in php-fpm's worker.
  (_chance, params) => set(params, 'PHP_ADMIN_VALUE', 'no.such=1\n[x]\n=2'),
  (_chance, params) => set(params, 'SCRIPT_NAME', '/status'),
  (_chance, params) => set(params, 'SCRIPT_NAME', '/ping'),
];

/** A request; with a body its length is right as a rule, and never less than what is announced. */
export function randomRequest(chance: Chance): RandomRequest {
  const params = usual(chance);
  let body = '';
  if (chance.once(3)) {
    body = chance.once(8) ? 'b'.repeat(chance.pick([8184, 16_384, 65_535, 70_000])) : chance.pick(bodies);
    set(params, 'REQUEST_METHOD', chance.pick(['POST', 'POST', 'PUT', 'GET']));
    set(params, 'CONTENT_TYPE', chance.once(6) ? undefined : chance.pick(types));
    const short = String(Math.max(0, body.length - 1));
    set(params, 'CONTENT_LENGTH', chance.once(5) ? chance.pick([undefined, short]) : String(body.length));
  } else if (chance.once(12))
    set(params, 'CONTENT_LENGTH', chance.pick(lengths.filter((text) => !/[1-9]/.test(text))));
  for (let count = chance.pick([0, 0, 1, 1, 2, 3, 5]); count > 0; count -= 1) {
    if (params.length > 0) chance.pick(changes)(chance, params);
  }
  return {
    pool: chance.once(4) ? chance.pick(pools) : 'www',
    role: chance.once(10) ? chance.pick([2, 3]) : 1,
    // Kept connections are counted otherwise: docs/differences.md.
    flags: chance.once(6) ? chance.pick([2, 254]) : 0,
    params,
    body,
    piece: chance.pick([1, 7, 1000, 65_535, 65_535]),
    padding: chance.pick([0, 0, 1, 7, 255]),
  };
}
