/** What the embedded PHP cannot do: it says so, and does nothing else instead. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { json } from './scripts.ts';

describe('limits of the embedded PHP', () => {
  let server: Server;
  before(async () => {
    server = await startServer({ pools: poolText });
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
});
