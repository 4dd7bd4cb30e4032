/** `hathi serve` on a real terminal, where Ctrl-C is a signal to every process of the foreground. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { requires } from '../harness/debian.ts';
import { testEngines } from '../harness/engines.ts';
import { TestFolder } from '../harness/folder.ts';
import { isAlive } from '../harness/processes.ts';
import { type EngineName, engineEnv, isRoot, serverCommand } from '../harness/server.ts';
import { TmuxTerminal } from '../harness/tmux.ts';
import { poll, within } from '../harness/waiting.ts';
import { freePort } from '../harness/web-server.ts';

/** Each says that it has begun, and ends when it may. */
const scripts = {
  'script.php':
    '<?php touch("begun"); while (!file_exists("go")) { usleep(10000); clearstatcache(); } echo "finished";',
  'command.php': '<?php echo shell_exec("touch begun; until [ -e go ]; do sleep 0.02; done; echo finished");',
  'talk.php':
    '<?php error_log("from error_log"); echo $undefined; file_put_contents("php://stderr", "from stderr\n");',
};

/** A site and a terminal in which it is served; `through` stands before the command. */
class ServedTerminal implements Disposable {
  readonly folder: TestFolder;
  readonly port: number;
  readonly terminal: TmuxTerminal;

  constructor(engine: EngineName, port: number, through: 'hathi' | 'npm') {
    this.folder = new TestFolder();
    this.port = port;
    this.folder.mkdir('site', 0o777);
    for (const [name, code] of Object.entries(scripts)) this.folder.write(`site/${name}`, code);
    const user = isRoot ? '--user www-data' : '';
    const serve = `${serverCommand('hathi')} serve ${this.folder.join('site')} --port ${port} ${user} --no-color`;
    this.folder.write('package.json', JSON.stringify({ scripts: { start: `exec ${serve}` } }));
    const environment = Object.entries(engineEnv(engine)).map(([name, value]) => `export ${name}=${value};`);
    const command = through === 'npm' ? 'npm start' : serve;
    const script = `${environment.join(' ')} trap : INT; cd ${this.folder.path}; ${command}; echo ended $?`;
    this.terminal = new TmuxTerminal(this.folder.join('tmux.sock'), script, { width: 200, height: 50 });
  }

  /** Starts a request that does not end by itself, waits until it runs. */
  async begin(script: keyof typeof scripts): Promise<{ readonly answer: Promise<string> }> {
    await this.terminal.shows(/Stop +Ctrl-C/);
    const answer = fetch(`http://127.0.0.1:${this.port}/${script}`).then((response) => response.text());
    answer.catch(() => undefined);
    const begun = this.folder.join('site/begun');
    await poll('the request to begin', async () => (existsSync(begun) ? true : undefined));
    return { answer };
  }

  [Symbol.dispose](): void {
    this.terminal[Symbol.dispose]();
    this.folder[Symbol.dispose]();
  }
}

const skip = requires('tmux');

for (const [through, script] of [
  ['hathi', 'script.php'],
  ['npm', 'command.php'],
] as const) {
  testEngines(`Ctrl-C lets ${script} finish, started by ${through}`, { skip }, async (engine) => {
    using served = new ServedTerminal(engine, await freePort(), through);
    const { answer } = await served.begin(script);
    served.terminal.type('C-c');
    await served.terminal.shows(/Stopping when the running requests have finished/);
    served.folder.write('site/go', '');
    assert.equal((await within(answer, 'the answer')).trim(), 'finished');
    await served.terminal.shows(/ended 0$/m);
  });
}

testEngines('a second Ctrl-C ends what runs', { skip }, async (engine) => {
  using served = new ServedTerminal(engine, await freePort(), 'hathi');
  const { answer } = await served.begin('command.php');
  const running = served.terminal.processes();
  served.terminal.type('C-c');
  await served.terminal.shows(/Press Ctrl-C again/);
  served.terminal.type('C-c');
  await served.terminal.shows(/ended 1$/m);
  await assert.rejects(answer);
  // The terminal itself stays, and the command that the script ran is its own until it can end.
  served.folder.write('site/go', '');
  const shell = (id: { readonly pid: number }) =>
    served.terminal.processes().some(({ pid }) => pid === id.pid);
  await poll('the end of every process', () =>
    running.some((id) => isAlive(id) && !shell(id)) ? undefined : true,
  );
});

testEngines('each message of PHP is printed once', { skip }, async (engine) => {
  using served = new ServedTerminal(engine, await freePort(), 'hathi');
  await served.terminal.shows(/Stop +Ctrl-C/);
  for (let time = 1; time <= 2; time++) {
    await fetch(`http://127.0.0.1:${served.port}/talk.php`);
    const times = (text: string) => served.terminal.screen().filter((line) => line.includes(text)).length;
    await poll('what the worker wrote last', () => (times('php: from stderr') === time ? true : undefined));
    assert.equal(times('php: PHP message: from error_log'), time);
    assert.equal(times('php: PHP message: PHP Warning:  Undefined variable $undefined'), time);
  }
});
