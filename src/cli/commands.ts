/** The only list of `hathi`'s commands besides php-fpm's flags; dispatcher and usage text derive from it. */

import { nearest } from '../config/suggest.ts';

export const commands = [
  { name: 'serve', form: 'serve [docroot]', summary: 'serve a PHP tree over HTTP, for development' },
  { name: 'build', form: 'build', summary: 'compile the native engine for a PHP of this machine' },
  { name: 'php', form: 'php list|add|remove', summary: 'versions of PHP for the embedded engine' },
  { name: 'status', form: 'status', summary: 'show the pools and workers of a running master' },
  { name: 'top', form: 'top', summary: 'the same, full-screen and live' },
  {
    name: 'profile',
    form: 'profile POOL',
    summary: "profile a pool's requests as a flame graph",
  },
  {
    name: 'plan',
    form: 'plan [pool]',
    summary: 'tell how many workers each pool needs, what fits, and the settings for it',
  },
  {
    name: 'doctor',
    form: 'doctor',
    summary: 'find faults of a configuration and its machine, with the lines that fix them',
  },
  {
    name: 'audit',
    form: 'audit --worker SCRIPT URL...',
    summary: 'tell whether an application may stay booted, and what its requests leave behind',
  },
  { name: 'reload', form: 'reload', summary: 'make a running master reload its configuration' },
  { name: 'rollback', form: 'rollback', summary: 'put the configuration before the one in force back' },
  {
    name: 'upgrade',
    form: 'upgrade',
    summary: 'have a new version of Hathi take over from a running master',
  },
  { name: 'drain', form: 'drain POOL', summary: 'make load balancers stop sending requests to a pool' },
  { name: 'undrain', form: 'undrain POOL', summary: 'undo "drain"' },
  {
    name: 'install',
    form: 'install',
    summary: 'have a systemd service of PHP-FPM run Hathi, or give it back',
  },
  { name: 'stop', form: 'stop', summary: 'stop a running master when its requests are done' },
  { name: 'request', form: 'request', summary: 'send one FastCGI request and print the response' },
] as const;

export type CommandName = (typeof commands)[number]['name'];

/** The commands' lines in the usage text. */
export function commandsUsage(program: string): string {
  const width = Math.max(...commands.map(({ form }) => form.length));
  return commands.map(({ form, summary }) => `  ${program} ${form.padEnd(width)}   ${summary}\n`).join('');
}

/** The error for an unknown first word. */
export function unknownCommand(word: string): string {
  const names = commands.map(({ name }) => name);
  const meant = nearest(word, names);
  const hint = meant === undefined ? `the commands are ${names.join(', ')}` : `did you mean "${meant}"?`;
  return `hathi: unknown command ${JSON.stringify(word)}: ${hint}\nTry: hathi -h\n`;
}
