/** Requests as web servers send them, for the comparison of what becomes of their variables. */

export interface ScriptRow {
  readonly name: string;
  /** In order of arrival. `W` stands for the document root, which has `info.php` in it. */
  readonly params: readonly (readonly [string, string])[];
}

const row = (name: string, params: Record<string, string>): ScriptRow => ({
  name,
  params: Object.entries(params),
});
const apache = 'proxy:fcgi://h:9000W/info.php';
const root = { DOCUMENT_ROOT: 'W' };

export const scriptRows: readonly ScriptRow[] = [
  row('nginx', {
    SCRIPT_FILENAME: 'W/info.php',
    SCRIPT_NAME: '/info.php',
    PATH_INFO: '/a/b',
    PATH_TRANSLATED: 'W/a/b',
    ...root,
  }),
  row('nginx without path info', {
    QUERY_STRING: 'x=1',
    SCRIPT_FILENAME: 'W/info.php',
    SCRIPT_NAME: '/info.php',
    PATH_INFO: '',
    ...root,
  }),
  row('plain CGI names', {
    SCRIPT_FILENAME: 'W/info.php/a/b',
    SCRIPT_NAME: '/php-cgi',
    PATH_INFO: '/info.php/a/b',
    PATH_TRANSLATED: 'W/info.php/a/b',
    ...root,
  }),
  row('plain CGI names without a document root', {
    SCRIPT_FILENAME: 'W/info.php/a/b',
    SCRIPT_NAME: '/php-cgi',
    PATH_INFO: '/info.php/a/b',
    PATH_TRANSLATED: 'W/info.php/a/b',
  }),
  row('tail in the file name only', {
    SCRIPT_FILENAME: 'W/info.php/a/b',
    SCRIPT_NAME: '/info.php/a/b',
    ...root,
  }),
  row('tail in the file name only, no document root', {
    SCRIPT_FILENAME: 'W/info.php/a/b',
    SCRIPT_NAME: '/info.php',
  }),
  row('path info already split', {
    SCRIPT_FILENAME: 'W/info.php/a/b',
    SCRIPT_NAME: '/info.php',
    PATH_INFO: '/a/b',
    ...root,
  }),
  row('trailing slash', {
    SCRIPT_FILENAME: 'W/info.php/',
    SCRIPT_NAME: '/info.php/',
    PATH_INFO: '/info.php/',
    ...root,
  }),
  row('document root with a slash', {
    SCRIPT_FILENAME: 'W/info.php/x',
    SCRIPT_NAME: '/info.php',
    PATH_INFO: '/info.php/x',
    DOCUMENT_ROOT: 'W/',
  }),
  row('apache proxy', {
    SCRIPT_FILENAME: 'proxy:fcgi://hW/info.php',
    SCRIPT_NAME: '/info.php',
    PATH_INFO: '/a b',
    PATH_TRANSLATED: 'W/a b',
    ...root,
  }),
  row('apache proxy pass with a tail', {
    SCRIPT_FILENAME: `${apache}/a%20b+c`,
    SCRIPT_NAME: '/info.php/a b+c',
    ...root,
  }),
  row('apache proxy pass with a plain tail', {
    SCRIPT_FILENAME: `${apache}/a`,
    SCRIPT_NAME: '/info.php/a',
    ...root,
  }),
  row('apache proxy pass under another name', {
    SCRIPT_FILENAME: `${apache}/a%20b+c`,
    SCRIPT_NAME: '/other',
    ...root,
  }),
  row('apache proxy pass without a document root', {
    SCRIPT_FILENAME: `${apache}/tail`,
    SCRIPT_NAME: '/info.php/tail',
  }),
  row('apache with another path info', {
    SCRIPT_FILENAME: `${apache}/a`,
    SCRIPT_NAME: '/info.php',
    PATH_INFO: '/info.php/a',
    ...root,
  }),
  row('apache with the same path info', {
    SCRIPT_FILENAME: `${apache}/a`,
    SCRIPT_NAME: '/info.php',
    PATH_INFO: '/a',
    ...root,
  }),
  row('apache with a query', {
    SCRIPT_FILENAME: `${apache}?x=/y.php`,
    SCRIPT_NAME: '/info.php',
    QUERY_STRING: 'x=/y.php',
    ...root,
  }),
  row('apache with a redirect', {
    SCRIPT_FILENAME: apache,
    SCRIPT_NAME: '/info.php',
    REDIRECT_URL: '/pretty',
    ...root,
  }),
  row('apache balancer', {
    SCRIPT_FILENAME: 'PROXY:balancer://poolW/info.php/q',
    SCRIPT_NAME: '/info.php/q',
    ...root,
  }),
  row('apache without a path', { SCRIPT_FILENAME: 'proxy:fcgi://host?x', SCRIPT_NAME: '/info.php', ...root }),
  row('action handler with a tail', {
    SCRIPT_FILENAME: '/usr/lib/cgi/php',
    PATH_TRANSLATED: 'W/info.php/a',
    PATH_INFO: '/info.php/a',
    SCRIPT_NAME: '/cgi/php',
    REDIRECT_URL: '/info.php/a',
    ...root,
  }),
  row('action handler', {
    SCRIPT_FILENAME: '/usr/lib/cgi/php',
    PATH_TRANSLATED: 'W/info.php',
    PATH_INFO: '/info.php',
    SCRIPT_NAME: '/cgi/php',
    REDIRECT_URL: '/info.php',
    ...root,
  }),
  row('redirect with the right file', {
    SCRIPT_FILENAME: 'W/info.php',
    SCRIPT_NAME: '/info.php',
    REDIRECT_URL: '/pretty',
    PATH_INFO: '/x',
    ...root,
  }),
  row('IIS', {
    SERVER_SOFTWARE: 'Microsoft-IIS/10.0',
    SCRIPT_FILENAME: 'W/info.php',
    SCRIPT_NAME: '/info.php',
    PATH_INFO: '/info.php/x',
  }),
  row('IIS without a tail', {
    SERVER_SOFTWARE: 'Microsoft-IIS/10.0',
    SCRIPT_FILENAME: 'W/info.php',
    SCRIPT_NAME: '/info.php',
    PATH_INFO: '/info.php',
  }),
  row('only PATH_TRANSLATED', { PATH_TRANSLATED: 'W/info.php', SCRIPT_NAME: '/info.php' }),
  row('no SCRIPT_NAME', { SCRIPT_FILENAME: 'W/info.php', ...root }),
  row('no SCRIPT_NAME with a tail', { SCRIPT_FILENAME: 'W/info.php/a', ...root }),
  row('backslashes', { SCRIPT_FILENAME: 'W/info.php\\a', SCRIPT_NAME: '/info.php', ...root }),
  row('missing file', { SCRIPT_FILENAME: 'W/none.php', SCRIPT_NAME: '/none.php', ...root }),
  row('folder', { SCRIPT_FILENAME: 'W', SCRIPT_NAME: '/', ...root }),
  row('other extension', { SCRIPT_FILENAME: 'W/page.html', SCRIPT_NAME: '/page.html', ...root }),
  row('dots in the path', { SCRIPT_FILENAME: 'W/../W2/info.php', SCRIPT_NAME: '/info.php', ...root }),
  row('empty file name', { SCRIPT_FILENAME: '', SCRIPT_NAME: '/info.php', ...root }),
  row('no script at all', { SCRIPT_NAME: '/info.php', ...root }),
  row('proxy header', {
    HTTP_PROXY: 'http://evil',
    http_proxy: 'lower',
    SCRIPT_FILENAME: 'W/info.php',
    SCRIPT_NAME: '/info.php',
  }),
  {
    name: 'duplicates',
    params: [
      ['A', '1'],
      ['SCRIPT_NAME', '/info.php'],
      ['A', '2'],
      ['SCRIPT_FILENAME', 'W/info.php'],
      ['PATH_INFO', '/p'],
    ],
  },
];
