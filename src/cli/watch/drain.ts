/** `hathi drain`, `hathi undrain`: removes a pool of a running master from load balancing, and puts it back. */

import { parseArgs } from 'node:util';
import { askAdmin } from '../../top/admin-client.ts';
import {
  type AdminIo,
  actionExit,
  actionOptions,
  actionUsage,
  addressOf,
  adminCommand,
} from './admin-command.ts';

const summaries = {
  drain: `Makes load balancers stop sending requests to the pool: the agent of agent.listen answers "maint", /readyz 503. Requests that still
arrive are served. It lasts until "hathi undrain POOL" or the end of the master, over reloads.`,
  undrain: 'Undoes "hathi drain" for a pool.',
} as const;

function usage(name: keyof typeof summaries): string {
  return `Usage: hathi ${name} POOL [-y FILE] [-p PREFIX] [--connect SOCKET|HOST:PORT]

${summaries[name]}

${actionUsage}
  --help             this text

Exit codes: ${actionExit.done} done, ${actionExit.unreachable} the master could not be asked or has no such pool, 64 wrong arguments.
`;
}

/**
 * Runs `hathi drain` or `hathi undrain`.
 *
 * @param args what follows the subcommand
 * @returns the exit code, one of {@link actionExit}
 */
export function drainCommand(name: keyof typeof summaries, args: string[], io: AdminIo): Promise<number> {
  const parse = () => {
    const { values, positionals } = parseArgs({
      args,
      options: actionOptions,
      strict: true,
      allowPositionals: true,
    });
    const [pool, ...more] = positionals;
    if (values.help) return { ...values, pool: '' };
    if (pool === undefined || more.length > 0) throw new Error('give one pool');
    return { ...values, pool };
  };
  return adminCommand(
    { name, usage: usage(name), parse, unreachable: actionExit.unreachable },
    io,
    async (options) => {
      const { address, ...token } = addressOf(options, io.env);
      await askAdmin(address, `/api/${name}?pool=${encodeURIComponent(options.pool)}`, {
        method: 'POST',
        ...token,
      });
      return actionExit.done;
    },
  );
}
