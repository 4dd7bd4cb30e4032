/**
 * Makes docs/data/php-inventory.json anew, of which scripts/generate-docs.ts makes the list of what the embedded PHP
 * lacks:
 *
 *   node scripts/php-inventory.ts php8.2
 *
 * The words are a command that runs Debian's PHP with its usual extensions: php8.2-{apcu,bcmath,bz2,curl,dba,enchant,gd,
 * gmp,igbinary,imagick,imap,intl,ldap,mbstring,memcached,msgpack,mysql,odbc,pgsql,pspell,readline,redis,snmp,soap,sqlite3,
 * tidy,uuid,xml,xsl,yaml,zip}. `chroot FOLDER php8.2` takes that of another root. The embedded PHPs that it is compared
 * with have to be installed: `npm install --no-save @php-wasm/node-8-2`.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scriptText } from '../src/engine/embedded/one-shot.ts';
import { dataFile, type Inventory, type InventoryData, missingFrom } from './inventory.ts';

/** That of the reference first, then the one that pools have by default. */
const versions = ['8.2', '8.4'];
/** Features of the command line that PHP-FPM lacks, and those unused in production. */
const commandLine = {
  extensions: ['pcntl', 'xdebug'],
  names: [
    'chroot()',
    'cli_get_process_title()',
    'cli_set_process_title()',
    'dl()',
    'PHP_CLI_PROCESS_TITLE',
    'STDERR',
    'STDIN',
    'STDOUT',
  ],
};

const source = readFileSync(join(import.meta.dirname, 'php-inventory.php'), 'utf8');

function debianInventory([command = '', ...args]: readonly string[]): Inventory {
  const { status, stdout, stderr } = spawnSync(command, args, {
    input: source,
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
  });
  if (status !== 0) throw new Error(`cannot run ${command}: ${stderr}`);
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as Inventory;
}

async function embeddedInventory(version: string): Promise<Inventory> {
  const ini = { files: [], hasScanFolder: false, folder: undefined, ignored: true, defines: [] };
  return JSON.parse(await scriptText(version, ini, source)) as Inventory;
}

const debian = debianInventory(process.argv.slice(2));
const embedded = await Promise.all(versions.map(embeddedInventory));
const extensions = Object.keys(debian.extensions).filter((name) => !commandLine.extensions.includes(name));
const shared = extensions.filter((name) => embedded.some((found) => name in found.extensions));
const reference = {
  version: debian.version,
  names: Object.fromEntries(
    shared.map((name) => [
      name,
      (debian.extensions[name] ?? []).filter((entry) => !commandLine.names.includes(entry)).join(' '),
    ]),
  ),
};
const data: InventoryData = {
  reference,
  extensions,
  missing: Object.fromEntries(
    versions.map((version, index) => [
      version,
      missingFrom(reference, extensions, embedded[index] as Inventory),
    ]),
  ),
};
writeFileSync(dataFile, `${JSON.stringify(data, undefined, 2)}\n`);
