/**
 * Attacks a real master for a while and tells what was sent and what was seen; docs/security.md has the figures.
 *   node scripts/attack.ts [--seconds N] [NAME…]
 * Needs root, since the attackers have users of their own. Exit code 1 when the master ended or another pool lost a request.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Attack } from '../tests/attacks/attack.ts';
import { adminEndpoint, embeddedSocket, nativeSocket } from '../tests/attacks/connections.ts';
import { logNames, socketNames } from '../tests/attacks/files.ts';
import { embeddedParameters, parameters, recursion, scoreboard } from '../tests/attacks/words.ts';
import { scriptParams } from '../tests/harness/fastcgi.ts';
import { startLoad } from '../tests/harness/load.ts';
import { poolText } from '../tests/harness/pool.ts';
import { isRoot, startServer } from '../tests/harness/server.ts';

const attacks: Readonly<Record<string, Attack>> = {
  admin: adminEndpoint,
  'native-socket': nativeSocket,
  'embedded-socket': embeddedSocket,
  'socket-names': socketNames,
  'log-names': logNames,
  scoreboard,
  parameters,
  'embedded-parameters': embeddedParameters,
  recursion,
};

function memoryOf(pid: number): string {
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return `${Math.round(Number(peak) / 1024)} MiB`;
}

async function attack({ what, engine, pool, run }: Attack, seconds: number): Promise<boolean> {
  let admin = '';
  await using server = await startServer({
    engine,
    log: 'file',
    expected: [/./],
    startCap: 60_000,
    pools: (folder) => {
      admin = folder.join('run/admin.sock');
      const others = 'user = nobody\ngroup = nogroup\npm.max_children = 2';
      return `admin.listen = ${admin}\n${poolText(folder, 'www', pool?.(folder))}${poolText(folder, 'other', others)}`;
    },
  });
  const params = scriptParams(server.folder.write('www/hi.php', '<?php echo "hi";'));
  const load = startLoad({ clients: 1, address: server.socket('other'), params, body: 'hi' });
  const until = performance.now() + seconds * 1000;
  const seen = await run({ server, admin, goesOn: () => performance.now() < until });
  const { counts } = await load.stop();
  const { ok = 0, ...lost } = counts;
  const hasEnded = server.child.exitCode !== null || server.child.signalCode !== null;
  const memory = hasEnded ? 'ended' : memoryOf(server.pid);
  process.stdout.write(
    `${what}\n  ${JSON.stringify({ ...seen, 'other pool': ok, lost, 'master’s peak': memory })}\n`,
  );
  return !hasEnded && Object.keys(lost).length === 0;
}

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '30' } },
  allowPositionals: true,
});
const seconds = Number(values.seconds);
const chosen = positionals.length === 0 ? Object.keys(attacks) : positionals;
const unknown = chosen.filter((name) => attacks[name] === undefined);
if (!(seconds > 0) || unknown.length > 0 || !isRoot) {
  process.stderr.write(
    `Cannot attack${unknown.map((name) => ` "${name}"`).join('')}: needs root, a number of seconds, and of these: ${Object.keys(attacks).join(', ')}\n`,
  );
  process.exit(64);
}
for (const name of chosen) {
  const one = attacks[name];
  if (one !== undefined && !(await attack(one, seconds))) process.exitCode = 1;
}
