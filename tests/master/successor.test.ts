/** Programs that are to be the next master and are not fit for it: each is refused with its reason, and is gone then. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { startSuccessor } from '../../src/boot/successor.ts';
import { TestFolder } from '../harness/folder.ts';
import { descendants } from '../harness/processes.ts';
import { poll } from '../harness/waiting.ts';

const isRoot = process.getuid?.() === 0;
const says = (line: string): string => `#!/bin/sh\necho '${line}' >&3\n`;

/** @returns the reason for a refusal */
async function reasonFor(
  program: string,
  more: { env?: NodeJS.ProcessEnv; descent?: 'background' | 'foreground' } = {},
): Promise<string> {
  const options = { command: ['/nonexistent/src/cli/main.ts', '-F'], env: process.env, prepareMs: 500 };
  try {
    const next = await startSuccessor(program, { ...options, descent: 'background', ...more });
    await next.prepare({ placed: [] }, []);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was not refused');
}

test('what cannot be trusted, executed or understood is refused', async () => {
  using folder = new TestFolder();
  const shell = (name: string, text: string, mode = 0o755): string => folder.write(name, text, mode);
  const open = folder.mkdir('open', 0o777);
  const cases: [program: string, reason: RegExp][] = [
    ['bin/hathi', /must be an absolute path/],
    [folder.join('missing'), /cannot be used: it is missing/],
    [folder.join('no/folder'), /cannot be used: .*ENOENT|No such file/],
    [folder.mkdir('a-folder'), /it is no file/],
    [shell('plain', says('{}'), 0o644), /it is not executable/],
    [shell('shared', says('{}'), 0o757), /others may write to it/],
    [shell('open/program', says('{}')), /it is in a folder that others than .* may change/],
    [shell('garbage', 'no program'), /cannot be executed|exited with code|spawn/],
    [shell('code', '#!/bin/sh\nexit 3\n'), /exited with code 3; its last lines are in the log/],
    [shell('signal', '#!/bin/sh\nkill -KILL $$\n'), /ended on signal SIGKILL/],
    [shell('silent', '#!/bin/sh\nexec sleep 60\n'), /has not begun to speak after 0\.5 seconds/],
    [shell('early', says('{"type":"hello","version":"1"}')), /exited with code 0/],
    [
      shell('slow', `${says('{"type":"hello","version":"1"}')}exec sleep 60\n`),
      /has not opened everything after 0\.5/,
    ],
    [
      shell('wild', `${says('{"type":"serving"}')}exec sleep 60\n`),
      /the new program answered \{"type":"serving"\}/,
    ],
    [shell('noise', `${says('no json')}exec sleep 60\n`), /the new program hung up/],
    [
      shell('failed', `${says('{"type":"failed","reasons":["one","two"]}')}exec sleep 60\n`),
      /the new program cannot start: one; two/,
    ],
  ];
  const foreign = shell('foreign', says('{}'));
  if (isRoot) {
    chownSync(foreign, 65534, 65534);
    cases.push([foreign, /it belongs to the user 65534|is in a folder/]);
  }
  const link = `${open}/link`;
  symlinkSync(folder.join('code'), link);
  cases.push([link, /is a symbolic link in a folder that others than .* may change/]);
  const good = folder.join('good-link');
  symlinkSync(folder.join('code'), good);
  cases.push([good, /exited with code 3/]);
  chmodSync(open, 0o777);
  for (const [program, reason] of cases) assert.match(await reasonFor(program), reason, program);
  await poll('the end of all of them', () => descendants(process.pid).length === 0 || undefined, 5000);
});

test('a master whose end would be taken for that of the service starts nothing', async () => {
  using folder = new TestFolder();
  const program = folder.write('program', `#!/bin/sh\ntouch ${folder.join('ran')}\nexit 3\n`, 0o755);
  const { NOTIFY_SOCKET: _, ...env } = process.env;
  assert.match(await reasonFor(program, { descent: 'foreground', env }), /there is no NOTIFY_SOCKET/);
  const notified = { ...env, NOTIFY_SOCKET: '/run/notify' };
  assert.match(await reasonFor(program, { descent: 'foreground', env: notified }), /exited with code 3/);
});
