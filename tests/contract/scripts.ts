/** PHP scripts of the contract suite: they tell by files what they have reached, and wait for files to go on. */
import { existsSync, writeFileSync } from 'node:fs';
import type { FakeMaster } from '../embedded/fake-master.ts';
import { poll } from '../harness/waiting.ts';

/** Writes the scripts into the master's folder, where the pool's user can create files. */
export function installScripts(master: FakeMaster): void {
  master.folder.write('hello.php', '<?php echo "hello";');
  master.folder.write('pid.php', '<?php echo getmypid();');
  // Answers nothing before it is released.
  master.folder.write(
    'gate.php',
    '<?php touch(__DIR__ . "/entered"); while (!file_exists(__DIR__ . "/release")) { clearstatcache(); usleep(5000); } echo "released";',
  );
  // Like gate.php, but part of the response is sent before.
  master.folder.write(
    'early.php',
    '<?php echo "begun"; flush(); touch(__DIR__ . "/entered"); while (!file_exists(__DIR__ . "/release")) { clearstatcache(); usleep(5000); } echo "released";',
  );
  master.folder.write('loop.php', '<?php touch(__DIR__ . "/entered"); while (true) {}');
  master.folder.write('log.php', '<?php error_log("first"); error_log("second"); echo "done";');
  master.folder.write(
    'write.php',
    '<?php file_put_contents("php://stderr", "to stderr"); file_put_contents("php://stdout", "to stdout\\n");',
  );
}

/** Resolves when gate.php, early.php or loop.php runs. */
export async function entered(master: FakeMaster): Promise<void> {
  await poll('the script to run', () => (existsSync(master.folder.join('entered')) ? true : undefined));
}

/** Lets gate.php and early.php go on. */
export function release(master: FakeMaster): void {
  writeFileSync(master.folder.join('release'), '');
}
