/** The command `hathi`: subcommands, or else php-fpm's flags. */

import { MasterSignals } from '../master/signals.ts';
import type { CommandName } from './commands.ts';
import { undoShell } from './shell-environment.ts';

type Subcommand = (args: string[]) => Promise<number>;

/** Loaded on demand: a master needs no HTTP front, and `hathi request` needs no master. */
const subcommands: Readonly<Record<CommandName, () => Promise<Subcommand>>> = {
  serve: async () => (await import('./serve/main.ts')).serveMain,
  build: async () => (await import('./build.ts')).buildCommand,
  php: async () => {
    const { phpCommand } = await import('./php.ts');
    const { stdout, stderr, env } = process;
    return async (args) => phpCommand(args, { stdout, stderr, env });
  },
  status: async () => {
    const { statusCommand } = await import('./watch/status.ts');
    return (args) =>
      statusCommand(args, { stdout: process.stdout, stderr: process.stderr, env: process.env });
  },
  top: async () => {
    const { topCommand } = await import('./watch/top.ts');
    const { stdin, stdout, stderr, env } = process;
    return (args) => topCommand(args, { stdin, stdout, stderr, env });
  },
  profile: async () => {
    const { profileCommand } = await import('./watch/profile.ts');
    const { stdout, stderr, env } = process;
    return (args) => profileCommand(args, { stdout, stderr, env });
  },
  plan: async () => {
    const { planCommand } = await import('./watch/plan.ts');
    const { stdout, stderr, env } = process;
    return (args) => planCommand(args, { stdout, stderr, env });
  },
  doctor: async () => {
    const { doctorCommand } = await import('./doctor.ts');
    const { stdout, stderr, env } = process;
    return (args) => doctorCommand(args, { stdout, stderr, env });
  },
  audit: async () => (await import('./audit/main.ts')).auditMain,
  install: async () => {
    const { installCommand } = await import('./install/main.ts');
    const { stdout, stderr } = process;
    return (args) => installCommand(args, { stdout, stderr });
  },
  drain: async () => {
    const { drainCommand } = await import('./watch/drain.ts');
    const { stdout, stderr, env } = process;
    return (args) => drainCommand('drain', args, { stdout, stderr, env });
  },
  undrain: async () => {
    const { drainCommand } = await import('./watch/drain.ts');
    const { stdout, stderr, env } = process;
    return (args) => drainCommand('undrain', args, { stdout, stderr, env });
  },
  reload: async () => {
    const { reloadCommand } = await import('./watch/reload.ts');
    const { stdout, stderr, env } = process;
    return (args) => reloadCommand(args, { stdout, stderr, env });
  },
  rollback: async () => {
    const { rollbackCommand } = await import('./watch/rollback.ts');
    const { stdout, stderr, env } = process;
    return (args) => rollbackCommand(args, { stdout, stderr, env });
  },
  upgrade: async () => {
    const { upgradeCommand } = await import('./watch/upgrade.ts');
    const { stdout, stderr, env } = process;
    return (args) => upgradeCommand(args, { stdout, stderr, env });
  },
  stop: async () => {
    const { stopCommand } = await import('./watch/stop.ts');
    const { stdout, stderr, env } = process;
    return (args) => stopCommand(args, { stdout, stderr, env });
  },
  request: async () => {
    const { requestCommand } = await import('./request.ts');
    return (args) => requestCommand(args, { stdout: process.stdout, stderr: process.stderr });
  },
};

/** Signals are caught before the rest of the program is loaded, which takes longer than everything before. */
async function fpm(args: string[]): Promise<number> {
  const signals = new MasterSignals();
  const { fpmCommand } = await import('./fpm.ts');
  const { infoPrinter } = await import('./info.ts');
  return fpmCommand(args, 'hathi', infoPrinter, { signals, command: process.argv.slice(1) });
}

async function main(args: string[]): Promise<number> {
  const [first = '', ...rest] = args;
  if (isCommand(first)) {
    surviveOutput(first);
    return (await subcommands[first]())(rest);
  }
  if (!/^[^-]/.test(first)) return fpm(args);
  const [{ unknownCommand }, { exitCode }] = await Promise.all([
    import('./commands.ts'),
    import('../runtime/exit-code.ts'),
  ]);
  process.stderr.write(unknownCommand(first));
  return exitCode.usage;
}

/** A failed write is reported and is no success; a closed reader is silent. Neither prints a stack trace. */
function surviveOutput(name: string): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.stderr.write(`hathi ${name}: cannot write: ${error.message}\n`);
    process.on('exit', () => {
      process.exitCode ||= 1;
    });
  });
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(subcommands, word);
}

undoShell(process.env);
process.exitCode = await main(process.argv.slice(2));
