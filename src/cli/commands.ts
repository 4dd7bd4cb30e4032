/** The commands of `hathi` beside php-fpm's flags: their only list, which the dispatcher and the usage text read. */

import { nearest } from '../config/suggest.ts';

export const commands = [
  { name: 'serve', form: 'serve [docroot]', summary: 'serve a PHP tree over HTTP, for development' },
  { name: 'build', form: 'build', summary: 'compile the native engine for a PHP of this machine' },
  { name: 'php', form: 'php list|add|remove', summary: 'versions of PHP for the embedded engine' },
  { name: 'status', form: 'status', summary: 'show the pools and workers of a running master' },
  { name: 'top', form: 'top', summary: 'the same on a whole screen, live' },
  {
    name: 'profile',
    form: 'profile POOL',
    summary: "show where the time of a pool's requests goes, as a flame graph",
  },
  {
    name: 'plan',
    form: 'plan [pool]',
    summary: 'tell how many workers each pool needs, what fits, and the settings for it',
  },
  {
    name: 'doctor',
    form: 'doctor',
    summary: 'say what is wrong with a configuration and its machine, and the lines that mend it',
  },
  { name: 'reload', form: 'reload', summary: 'have a running master read its configuration again' },
  { name: 'drain', form: 'drain POOL', summary: 'have load balancers send a pool nothing more' },
  { name: 'undrain', form: 'undrain POOL', summary: 'put the pool back' },
  {
    name: 'install',
    form: 'install',
    summary: 'have a systemd service of PHP-FPM run Hathi, or give it back',
  },
  { name: 'stop', form: 'stop', summary: 'have a running master stop when its requests are done' },
  { name: 'request', form: 'request', summary: 'send one FastCGI request and print the response' },
] as const;

export type CommandName = (typeof commands)[number]['name'];

/** The lines of the usage text about them. */
export function commandsUsage(program: string): string {
  const width = Math.max(...commands.map(({ form }) => form.length));
  return commands.map(({ form, summary }) => `  ${program} ${form.padEnd(width)}   ${summary}\n`).join('');
}

/** What is said of a first word that is no command. */
export function unknownCommand(word: string): string {
  const names = commands.map(({ name }) => name);
  const meant = nearest(word, names);
  const hint = meant === undefined ? `the commands are ${names.join(', ')}` : `did you mean "${meant}"?`;
  return `hathi: unknown command ${JSON.stringify(word)}: ${hint}\nTry: hathi -h\n`;
}
