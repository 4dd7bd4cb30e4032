/** What systemd would be told: a datagram socket with what arrives there. Node has no Unix datagram sockets. */
import { RunningCommand } from './child.ts';
import { phpCli } from './debian.ts';
import { TestFolder } from './folder.ts';
import { cleanEnv } from './server.ts';
import { poll } from './waiting.ts';

const receiver = `
$socket = stream_socket_server("udg://" . $argv[1], $code, $text, STREAM_SERVER_BIND);
echo "bound\\n";
while (($datagram = stream_socket_recvfrom($socket, 65536)) !== false) echo json_encode($datagram), "\\n";
`;

export class NotifySocket implements AsyncDisposable {
  readonly #folder: TestFolder;
  readonly #command: RunningCommand;
  readonly path: string;

  private constructor(folder: TestFolder, path: string, command: RunningCommand) {
    this.#folder = folder;
    this.path = path;
    this.#command = command;
  }

  static async open(): Promise<NotifySocket> {
    const folder = new TestFolder();
    const path = folder.join('notify');
    const command = new RunningCommand(phpCli, ['-n', '-r', receiver, '--', path], { env: cleanEnv() });
    await command.says(/^bound$/);
    return new NotifySocket(folder, path, command);
  }

  /** The datagrams, as they were sent. */
  get datagrams(): readonly string[] {
    return this.#command.stdout.lines.filter((line) => line.startsWith('"')).map((line) => JSON.parse(line));
  }

  /** Their assignments. */
  get lines(): readonly string[] {
    return this.datagrams.flatMap((datagram) => datagram.split('\n'));
  }

  /** Waits for a datagram with that line about a process. */
  async says(line: string, pid: number): Promise<void> {
    const isThere = (text: string): boolean => text.includes(line) && text.includes(`MAINPID=${pid}`);
    await poll(`${line} of ${pid}`, () => this.datagrams.some(isThere) || undefined, 10_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#command[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}
