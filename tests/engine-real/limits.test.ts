/** Where the embedded PHP is not Debian's: what it cannot do it says, and what other libraries do else is put right. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { json } from './scripts.ts';

describe('limits of the embedded PHP', () => {
  let server: Server;
  before(async () => {
    server = await startServer({ engine: 'embedded', pools: poolText });
  });
  after(async () => {
    await server?.stop();
    await server?.[Symbol.asyncDispose]();
  });

  test('archives are not encrypted by AES: no constant, false and a warning', async () => {
    assert.deepEqual(
      await json(
        server,
        `set_error_handler(function ($number, $text) { usleep(1); global $said; $said[] = $text; return true; });
        $file = tempnam(sys_get_temp_dir(), 'zip'); class Archive extends ZipArchive {}
        $r = [defined('ZipArchive::EM_AES_256'), defined('ZipArchive::EM_AES_128'), ZipArchive::EM_TRAD_PKWARE];
        $zip = new ZipArchive; $zip->open($file, ZipArchive::OVERWRITE); $zip->addFromString('a', 'secret');
        array_push($r, $zip->setEncryptionName('a', 259, 'pw'), $zip->setEncryptionIndex(0, 257, 'pw'), $zip->setEncryptionName('none', 1, 'pw'));
        array_push($r, $zip->setEncryptionName('a', ZipArchive::EM_TRAD_PKWARE, 'pw'), $zip->close());
        $zip = new Archive; $zip->open($file); array_push($r, $zip->getFromName('a'), $zip->setPassword('pw'), $zip->getFromName('a'), $zip->setEncryptionName('a', 258));
        unlink($file); echo json_encode([$r, $said]);`,
      ),
      [
        [false, false, 1, false, false, false, true, true, false, true, 'secret', false],
        ['Name', 'Index', 'Name'].map(
          (what) =>
            `ZipArchive::setEncryption${what}(): AES is not available in this PHP: the entry will not be encrypted`,
        ),
      ],
    );
  });

  // Values of glibc 2.36.
  test('iconv() has the byte order of the machine, and the names of glibc', async () => {
    assert.deepEqual(
      await json(
        server,
        `$le = "a\\0\\xe9\\0"; $r = []; ini_set('html_errors', 0);
        foreach (['UTF-16', 'utf16', 'UCS-2', 'UTF-32', 'WCHAR_T', 'UTF-16BE'] as $set) $r[] = bin2hex(iconv('UTF-8', $set, 'aé'));
        foreach (['UTF-16', 'UNICODE', 'UCS2'] as $set) $r[] = iconv($set, 'UTF-8', $le);
        array_push($r, iconv('UTF-16', 'UTF-8', "\\xfe\\xff\\0a"), iconv('UTF-16', 'UTF-8', "\\xff\\xfe$le"), bin2hex(iconv('UTF-8', 'UTF-16', '')));
        array_push($r, iconv_strlen($le, 'UTF-16'), iconv_strpos($le, "\\xe9\\0", 0, 'UTF-16'), iconv_strrpos($le, "\\xe9\\0", 'UTF-16'), bin2hex(iconv_substr($le, 1, 1, 'UTF-16')));
        array_push($r, iconv('UTF-8', 'ASCII//TRANSLIT', 'Œuvré à Çà ł'), bin2hex(iconv('UTF-8', 'ISO-8859-1//TRANSLIT', 'é€')));
        foreach ([['UTF-8', 'ASCII', 'é'], ['NOPE', 'UTF-8', 'a'], ['UTF-8', 'UTF-16', "\\xff"], ['a', 'b'], ['UTF-8', [], 'x']] as $wrong)
          try { array_push($r, @iconv(...$wrong), error_get_last()['message']); } catch (Error $e) { $r[] = $e->getMessage(); }
        echo json_encode($r);`,
      ),
      [
        ...[
          'fffe6100e900',
          'fffe6100e900',
          '6100e900',
          'fffe000061000000e9000000',
          '61000000e9000000',
          '006100e9',
        ],
        ...['aé', 'aé', 'aé', 'a', 'aé', ''],
        ...[2, 1, 1, 'fffee900', 'OEuvre a Ca l', 'e9455552'],
        ...[false, 'iconv(): Detected an illegal character in input string'],
        ...[false, 'iconv(): Wrong encoding, conversion from "NOPE" to "UTF-8" is not allowed'],
        ...[false, 'iconv(): Detected an illegal character in input string'],
        'iconv() expects exactly 3 arguments, 2 given',
        'iconv(): Argument #2 ($to_encoding) must be of type string, array given',
      ],
    );
  });
});
