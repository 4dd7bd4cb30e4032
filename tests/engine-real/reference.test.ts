/** Scripts that see the SAPI: what the embedded PHP answers, against Debian's php-fpm with the same php.ini and pool. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, type ServerKind, startServer } from '../harness/server.ts';
import { run } from './scripts.ts';

/** A script and the parameters that it is asked for with. */
interface Case {
  readonly script: string;
  readonly params?: Readonly<Record<string, string>>;
}

const sections = `
user_agent = base
precision = 11
fastcgi.error_header = "HTTP/1.1 550 Failed Otherwise"
[HOST=host.example]
user_agent = "of the host"
[PATH=/]
precision = 7
[PATH=/nowhere]
from = wrong
`;

const pool = (folder: TestFolder): string =>
  poolText(
    folder,
    'www',
    `env[FIRST] = 1
env[SECOND] = 2
env[FIRST] = 3
env[BYTES] = "\u00e9\u20ac"
env[SERVER_NAME] = of the pool
php_admin_value[variables_order] = EGPCS
php_admin_value[error_log] = /dev/null
php_admin_flag[display_errors] = off`,
  );

/** A POST whose body does not come over the connection; the file that the test names says `Linux`. */
const form = {
  REQUEST_METHOD: 'POST',
  CONTENT_TYPE: 'application/x-www-form-urlencoded',
  CONTENT_LENGTH: '5',
};

/** Places of the two servers and what differs by version are not what these are about. */
const cases: Readonly<Record<string, Case>> = {
  'the order of $_SERVER': {
    script: 'echo json_encode(array_keys($_SERVER));',
    params: { HTTP_X_FOO: 'bar' },
  },
  'getenv() and $_ENV with the parameters': {
    script: `$all = getenv(); ksort($all); ksort($_ENV);
      putenv('SERVER_NAME=own'); putenv('NEW=new');
      echo json_encode([array_keys($all), array_keys($_ENV), $all['SERVER_NAME'], $all['FIRST'], getenv('SERVER_NAME'),
        getenv('SERVER_NAME', true), getenv('HTTP_PROXY'), getenv('NEW'), getenv()['NEW'] ?? null]);`,
    params: { HTTP_PROXY: 'http://evil', SERVER_NAME: 'asked' },
  },
  'the module cgi-fcgi': {
    script: `ob_start(); phpinfo(INFO_MODULES); preg_match('#<h2><a name="module_cgi-fcgi".*?<h2>#s', str_replace('&nbsp;', ' ', ob_get_clean()), $section);
      echo json_encode([extension_loaded('cgi-fcgi'), phpversion('cgi-fcgi') === PHP_VERSION, get_extension_funcs('cgi-fcgi'),
        (new ReflectionFunction('getallheaders'))->getExtensionName(), ini_get_all('cgi-fcgi'),
        ini_set('cgi.nph', '1'), ini_set('cgi.fix_pathinfo', '0'), $section]);`,
  },
  'cgi.nph of a script': { script: `ini_set('cgi.nph', '1'); echo 'body';` },
  'cgi.rfc2616_headers of a script': {
    script: `ini_set('cgi.rfc2616_headers', '1'); header('HTTP/1.1 299 Fine'); echo 'body';`,
  },
  '[HOST=] of another host': {
    script: `echo ini_get('user_agent');`,
    params: { SERVER_NAME: 'other.example' },
  },
  '[HOST=] and [PATH=]': {
    script: `echo json_encode([ini_get('user_agent'), ini_get('precision'), ini_get('from')]);`,
    params: { SERVER_NAME: 'Host.Example' },
  },
  'fastcgi.error_header after a fatal error': { script: 'nosuch();' },
  'fastcgi.error_header after exit(255)': { script: 'exit(255);' },
  'fastcgi.error_header after output': { script: 'echo "part"; flush(); exit(255);' },
  'no fastcgi.error_header after another exit': { script: 'exit(3);' },
  REQUEST_BODY_FILE: {
    script: `echo json_encode([$_POST, strlen(file_get_contents('php://input'))]);`,
    params: { ...form, REQUEST_BODY_FILE: '/proc/sys/kernel/ostype' },
  },
  'REQUEST_BODY_FILE that is a folder': {
    script: `echo json_encode([$_POST, file_get_contents('php://input')]);`,
    params: { ...form, REQUEST_BODY_FILE: '/' },
  },
  'REQUEST_BODY_FILE that is not there': {
    script: `echo json_encode([$_POST, error_get_last()['message'] ?? null, file_get_contents('php://input')]);`,
    params: { ...form, REQUEST_BODY_FILE: '/nonexistent/100%s' },
  },
  'umask()': {
    script: `$made = sys_get_temp_dir() . '/' . uniqid('mask'); umask(027); mkdir($made, 0777); $modes = [fileperms($made)]; chmod($made, 0777);
      $answers = [umask(0)]; mkdir("$made/d", 0777); file_put_contents("$made/f", '');
      $answers[] = umask(077); file_put_contents("$made/g", '');
      try { umask('x'); } catch (TypeError $e) { $answers[] = $e->getMessage(); }
      $answers[] = umask(01777); $answers[] = umask();
      foreach (['d', 'f', 'g'] as $name) $modes[] = decoct(fileperms("$made/$name"));
      unlink("$made/f"); unlink("$made/g"); rmdir("$made/d"); rmdir($made);
      echo json_encode([$answers, $modes]);`,
  },
  'the umask of the next script': { script: 'echo umask() === 0777 ? "kept" : "its own";' },
  'filter_input() of what the server says': {
    script: `echo json_encode([filter_input(INPUT_SERVER, 'REQUEST_METHOD'), filter_input(INPUT_SERVER, 'HTTP_X_A', FILTER_SANITIZE_SPECIAL_CHARS),
      filter_input(INPUT_SERVER, 'SERVER_PORT', FILTER_VALIDATE_INT), filter_has_var(INPUT_SERVER, 'PHP_SELF'), filter_input(INPUT_SERVER, 'FIRST'),
      filter_input(INPUT_SERVER, 'REQUEST_TIME'), array_keys(filter_input_array(INPUT_SERVER)), $_SERVER['HTTP_X_A']]);`,
    params: { HTTP_X_A: '<b>"', HTTP_PROXY: 'http://evil' },
  },
  'filter_input() of the environment': {
    script: `echo json_encode([filter_input(INPUT_ENV, 'FIRST'), filter_input(INPUT_ENV, 'HTTP_X_A'), array_keys(filter_input_array(INPUT_ENV)), array_keys($_ENV)]);`,
    params: { HTTP_X_A: '<b>"' },
  },
  '$_ENV made of $_SERVER': {
    script: `$_SERVER['REQUEST_TIME']; filter_input(INPUT_ENV, 'X'); echo json_encode([array_keys($_SERVER), array_keys(filter_input_array(INPUT_ENV) ?? [])]);`,
  },
  'filter.default of a request': {
    script: `echo json_encode([$_GET, $_POST, $_COOKIE, $_REQUEST, $_SERVER['HTTP_X_A'], filter_input(INPUT_GET, 'a'), filter_input(INPUT_SERVER, 'HTTP_X_A'), getenv('HTTP_X_A')]);`,
    params: {
      HTTP_X_A: '<b>"',
      QUERY_STRING: 'a=<i>&b[]="',
      HTTP_COOKIE: 'c=<u>',
      PHP_VALUE: 'filter.default=special_chars',
    },
  },
  'bytes of the environment': {
    script: `echo bin2hex(getenv('BYTES')), bin2hex($_SERVER['BYTES']), bin2hex($_ENV['BYTES'] ?? '');`,
  },
  'no header': { script: `header_remove(); ini_set('default_mimetype', ''); echo "\r\nbody";` },
  'no header and no body': { script: `header_remove(); ini_set('default_mimetype', '');` },
  'no header, HEAD': {
    script: `header_remove(); ini_set('default_mimetype', ''); echo 'body';`,
    params: { REQUEST_METHOD: 'HEAD' },
  },
  'no header but a status': {
    script: `header_remove(); ini_set('default_mimetype', ''); http_response_code(204);`,
  },
  'header_remove() of one': {
    script: `header('X-One: 1'); header('X-Two: 2'); header_remove('X-One'); echo 'body';`,
  },
  'status 304': { script: `http_response_code(304); header('ETag: "x"');` },
  'status 204': { script: `http_response_code(204);` },
  'the machine and this process': {
    script: `$r = [PHP_OS, PHP_OS_FAMILY, gethostname(), get_current_user(), getmyuid(), getmygid(), php_sapi_name(), sys_get_temp_dir() !== ''];
      foreach (['s', 'n', 'r', 'v', 'm', 'a'] as $mode) $r[] = php_uname($mode);
      $r[] = php_uname();
      foreach (['chroot', 'dl', 'cli_set_process_title', 'cli_get_process_title'] as $name) $r[] = function_exists($name);
      $r[] = array_map('gettype', sys_getloadavg());
      $r[] = array_map('gettype', getrusage());
      array_push($r, getservbyport(443, 'tcp'), getservbyport(53, 'udp'), getservbyport(1, 'none'), gethostbyaddr('127.0.0.1'), @gethostbyaddr('none'));
      foreach ([fn() => php_uname([]), fn() => gethostname(1), fn() => getservbyport('x', 'tcp')] as $wrong)
        try { $r[] = $wrong(); } catch (Error $e) { $r[] = $e->getMessage(); }
      echo json_encode($r);`,
  },
  'where PHP is installed': {
    script: `$r = [];
      foreach (['DEFAULT_INCLUDE_PATH', 'PEAR_INSTALL_DIR', 'PHP_PREFIX', 'PHP_BINDIR', 'PHP_MANDIR', 'PHP_LIBDIR', 'PHP_DATADIR', 'PHP_SYSCONFDIR',
        'PHP_LOCALSTATEDIR', 'PHP_CONFIG_FILE_PATH', 'PHP_CONFIG_FILE_SCAN_DIR'] as $name)
        $r[$name] = str_replace(PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION, 'X', constant($name));
      foreach (glob('/usr/share/php/*') as $name) $r[] = stream_resolve_include_path(basename($name));
      $library = sys_get_temp_dir() . '/' . uniqid('library'); mkdir($library); file_put_contents("$library/part.php", '<?php return "part";');
      $r[] = set_include_path(get_include_path() . ":$library"); $r[] = include 'part.php';
      unlink("$library/part.php"); rmdir($library);
      ini_restore('include_path'); $r[] = get_include_path(); $r[] = ini_get_all()['include_path']['global_value'];
      array_push($r, basename(php_ini_loaded_file()), basename(get_cfg_var('cfg_file_path')));
      echo json_encode($r);`,
  },
  'users and groups by name': {
    script: `$file = sys_get_temp_dir() . '/' . uniqid('owned'); touch($file); symlink($file, "$file.link");
      $r = [chown($file, 'www-data'), chgrp($file, 'www-data'), lchown("$file.link", 'www-data'), lchgrp("$file.link", 'www-data'),
        fileowner($file), filegroup($file)];
      foreach ([['chown', 'nosuchuser'], ['chown', '33'], ['chgrp', 'nosuchgroup'], ['lchown', 'nosuchuser'], ['lchgrp', '33'], ['chown', 'root']] as [$call, $name])
        array_push($r, @$call($file, $name), error_get_last()['message'] ?? null);
      try { chown($file, []); } catch (TypeError $e) { $r[] = $e->getMessage(); }
      unlink("$file.link"); unlink($file);
      echo json_encode($r);`,
  },
  'link()': {
    script: `$d = sys_get_temp_dir() . '/' . uniqid('links'); mkdir($d); chdir($d); file_put_contents('a', 'x'); mkdir('sub');
      $r = [link('a', 'b'), stat('b')['nlink'], fileinode('a') === fileinode('b'), link('a', 'sub/c'), link(target: 'sub/c', link: "$d/d")];
      file_put_contents('b', 'changed'); $r[] = file_get_contents('d');
      foreach ([['a', 'b'], ['none', 'e'], ['a', "$d/none/e"], ['http://x/', 'e'], ['sub', 'e'], ["a\0b", 'e'], ['a'], [[], 'e']] as $arguments)
        try { $r[] = @link(...$arguments); $r[] = str_replace($d, 'D', error_get_last()['message']); } catch (Error $e) { $r[] = $e->getMessage(); }
      set_error_handler(function ($number, $text) use (&$r) { usleep(1); $r[] = $text; return true; });
      class Path { function __toString() { usleep(1); return 'a'; } }
      array_push($r, link(new Path, 'f'), link('a', 'f'));
      foreach (['b', 'd', 'f', 'sub/c', 'a'] as $name) unlink($name);
      rmdir('sub'); chdir('/'); rmdir($d);
      echo json_encode($r);`,
  },
  'files beyond 4 GB': {
    script: `$file = sys_get_temp_dir() . '/' . uniqid('large'); $h = fopen($file, 'w+'); $gb = 1 << 30;
      $r = [ftruncate($h, 5 * $gb + 7), filesize($file), fseek($h, 0, SEEK_END), ftell($h), fseek($h, -3, SEEK_END), fwrite($h, 'abc'), ftell($h),
        ftruncate($h, 3 * $gb + 1), fstat($h)['size'], fseek($h, 5 * $gb), fwrite($h, '1234'), ftell($h), rewind($h), fseek($h, 5 * $gb + 1), fread($h, 2),
        stream_get_contents($h, 1, 5 * $gb), ftell($h), file_get_contents($file, false, null, 5 * $gb + 2), ftruncate($h, 2), fstat($h)['size']];
      try { ftruncate($h, -1); } catch (Error $e) { $r[] = $e->getMessage(); }
      $object = new SplFileObject($file, 'r+'); $r[] = $object->ftruncate(5 * $gb + 9); $object->fseek(0, SEEK_END); $r[] = $object->ftell();
      fseek($h, 5 * $gb); $to = fopen('php://memory', 'w+'); array_push($r, stream_copy_to_stream($h, $to), ftell($to));
      $object = null; fclose($h); unlink($file);
      $temp = new SplTempFileObject(); $temp->fwrite('12345'); $r[] = $temp->ftruncate(3); $temp->rewind(); $r[] = $temp->fread(9);
      echo json_encode($r);`,
  },
  'putenv() and the commands of a script': {
    script: `putenv('FOO=bar'); putenv("BAR=\u00e9\u20ac"); putenv('TZ=America/New_York'); putenv('7=seven');
      $r = [shell_exec('echo $FOO $BAR $FIRST; date -d @0'), shell_exec('printenv 7 QUERY_STRING REQUEST_METHOD; echo')];
      putenv('FOO'); exec('echo "[$FOO]"', $lines); $r[] = $lines; putenv('FIRST=changed');
      foreach ([null, ['FOO' => "giv\u00e9n"]] as $given) {
        $process = proc_open('echo $FOO $FIRST $TZ', [1 => ['pipe', 'w']], $pipes, null, $given); $r[] = stream_get_contents($pipes[1]); proc_close($process);
      }
      $pipe = popen('printenv HOME BYTES FIRST', 'r'); $r[] = stream_get_contents($pipe); pclose($pipe);
      ob_start(); system('echo $TZ'); passthru('echo $BAR'); $r[] = ob_get_clean();
      echo json_encode($r);`,
  },
  'the environment of the next script': { script: `echo shell_exec('echo [$FOO] $FIRST $TZ');` },
  'keys and certificates': {
    script: `$places = openssl_get_cert_locations(); unset($places['ini_cafile'], $places['ini_capath']);
      $key = openssl_pkey_new(); openssl_pkey_export($key, $encrypted, 'secret');
      $request = openssl_csr_new(['commonName' => 'x'], $key); $certificate = openssl_csr_sign($request, null, $key, 1);
      $curve = openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1']);
      echo json_encode([$places, openssl_pkey_get_details($key)['bits'], substr($encrypted, 0, 37), openssl_pkey_get_private($encrypted, 'secret') !== false,
        openssl_csr_get_subject($request), openssl_x509_parse($certificate)['subject'], openssl_x509_parse($certificate)['extensions']['basicConstraints'],
        openssl_pkey_get_details($curve)['bits'], openssl_sign('x', $signature, $key), openssl_verify('x', $signature, $certificate),
        array_values(array_intersect(['tcp', 'udp', 'unix', 'ssl', 'tls', 'tlsv1.2'], stream_get_transports()))]);`,
  },
  'setlocale()': {
    script: `$r = [setlocale(LC_ALL, 0), setlocale(LC_CTYPE, '0'), setlocale(LC_NUMERIC, 0)];
      foreach ([LC_ALL, LC_CTYPE, LC_TIME] as $category) foreach (['de_DE.UTF-8', 'nosuch', 'C', 'POSIX', 'C.UTF-8', 'C.utf8', 'c', '', '/etc', 'C;C'] as $name)
        array_push($r, setlocale($category, $name), setlocale($category, 0), setlocale(LC_ALL, 'C'), setlocale(LC_CTYPE, 'C.UTF-8'));
      array_push($r, setlocale(LC_TIME, ['nosuch', 'de_DE', 'C.UTF-8']), setlocale(LC_TIME, 'nosuch', 'C'), setlocale(LC_TIME, 'nosuch', ['x', 'POSIX']),
        setlocale(LC_TIME, ['nosuch']), setlocale(LC_TIME, []), setlocale(LC_TIME, 5), setlocale(LC_TIME, ['0']), setlocale(99, 'C'), setlocale('2', 'nosuch'));
      class Name { function __toString() { usleep(1); return 'C.UTF-8'; } } $r[] = setlocale(LC_TIME, new Name);
      foreach ([[LC_ALL], ['x', 'C'], [LC_ALL, new stdClass], [LC_ALL, 'C', new stdClass]] as $wrong)
        try { $r[] = setlocale(...$wrong); } catch (Error $e) { $r[] = $e->getMessage(); }
      setlocale(LC_ALL, 'nosuch'); $r[] = localeconv();
      setlocale(LC_ALL, 'C.UTF-8'); $r[] = nl_langinfo(CODESET) . sprintf('%.2f', 1.5) . escapeshellarg('\u00e9');
      echo json_encode($r);`,
  },
  'the locale of the next script': {
    script: `echo setlocale(LC_ALL, 0), nl_langinfo(CODESET), escapeshellarg('\u00e9');`,
  },
  'glob() with GLOB_BRACE': {
    script: `$d = sys_get_temp_dir() . '/' . uniqid('glob'); mkdir($d); chdir($d); mkdir('sub');
      $files = ['a.php', 'b.txt', 'c.html', '{x}', 'a,b', 'd{1', 'e\\f', '.h', 'sub/a.php']; foreach ($files as $name) touch($name);
      $r = [GLOB_BRACE, GLOB_AVAILABLE_FLAGS & GLOB_BRACE];
      foreach ([['*.{php,txt}'], ['{b,a}.*'], ['{a,{b,c}}.*'], ['{sub/,}*.php'], ['{no,none}'], ['{no,none}', GLOB_NOCHECK], ['*.{php'], ['\\{x\\}'], ['\\{x\\}', GLOB_NOESCAPE],
        ['{x}'], ['{}'], ['{*}'], ['a\\,b'], ['{a\\,b,c.html}'], ['d{1'], ['*}'], ['{,.}*', GLOB_MARK], ['{*,sub/*}', GLOB_ONLYDIR], ['{a,b}{.php,.txt}'], ['none/{a,b}'], ['{a,a}.php'], ['']] as $case)
        $r[] = glob($case[0], GLOB_BRACE | ($case[1] ?? 0));
      foreach ([["a\0b", GLOB_BRACE], ['{a,b}.*', GLOB_BRACE | 1 << 20], [[], GLOB_BRACE], ['a.php']] as $arguments)
        try { $r[] = @glob(...$arguments); } catch (Error $e) { $r[] = $e->getMessage(); }
      $r[] = glob(flags: GLOB_BRACE, pattern: '{a,b}*');
      foreach ($files as $name) unlink($name);
      rmdir('sub'); chdir('/'); rmdir($d); ini_set('open_basedir', '/usr/share');
      $r[] = glob('/{etc/passwd,usr/share/common-licenses}', GLOB_BRACE); $r[] = glob('/etc/{passwd,group}', GLOB_BRACE);
      echo str_replace($d, 'D', json_encode($r));`,
  },
  'a HEAD request': { script: `echo 'body';`, params: { REQUEST_METHOD: 'HEAD' } },
};

describe('the embedded PHP answers as php-fpm', { skip: requires('root', 'php-fpm') }, () => {
  const servers = {} as Record<ServerKind, Server>;

  before(async () => {
    const start = async (kind: ServerKind): Promise<void> => {
      servers[kind] = await startServer({
        engine: 'embedded',
        kind,
        pools: (folder) => {
          folder.write('php.ini', sections);
          return pool(folder);
        },
        args: ['-c', 'php.ini'],
      });
    };
    await Promise.all([start('hathi'), start('php-fpm')]);
  });

  after(async () => {
    for (const server of Object.values(servers)) {
      await server.stop();
      await server[Symbol.asyncDispose]();
    }
  });

  for (const [name, { script, params = {} }] of Object.entries(cases)) {
    test(name, async () => {
      const ask = async (kind: ServerKind): Promise<unknown> => {
        const { output } = await run(servers[kind], script, { params });
        const text = output.toString('latin1').replace(/^X-Powered-By: .*\r\n/m, '');
        // Functions of worker mode, which php-fpm does not have.
        return kind === 'hathi' ? text.replaceAll(/"(?:hathi|frankenphp)_\w+",/g, '') : text;
      };
      assert.deepEqual(await ask('hathi'), await ask('php-fpm'));
    });
  }
});
