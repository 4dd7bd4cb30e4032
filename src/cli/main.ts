/** The command `hathi`: subcommands, and php-fpm's flags where there is none. */

import { fpmCommand } from './fpm.ts';
import { infoPrinter } from './info.ts';

type Subcommand = (args: string[]) => Promise<number>;

/** Loaded on use: a master needs no HTTP front, and `hathi request` needs no master. */
const subcommands: Readonly<Record<string, () => Promise<Subcommand>>> = {
  serve: async () => (await import('./serve-main.ts')).serveMain,
  build: async () => (await import('./build.ts')).buildCommand,
  status: async () => {
    const { statusCommand } = await import('./status.ts');
    return (args) =>
      statusCommand(args, { stdout: process.stdout, stderr: process.stderr, env: process.env });
  },
  request: async () => {
    const { requestCommand } = await import('./request.ts');
    return (args) => requestCommand(args, { stdout: process.stdout, stderr: process.stderr });
  },
};

async function main(args: string[]): Promise<number> {
  const [first = '', ...rest] = args;
  const load = Object.hasOwn(subcommands, first) ? subcommands[first] : undefined;
  if (load !== undefined) return (await load())(rest);
  return fpmCommand(args, 'hathi', infoPrinter);
}

process.exitCode = await main(process.argv.slice(2));
