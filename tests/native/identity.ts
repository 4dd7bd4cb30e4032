/** Settings with which a host runs its workers as www-data, as the master sends them when it is root. */
import { execFileSync } from 'node:child_process';
import { isRoot } from '../harness/server.ts';

export function identity(): readonly (readonly [string, string])[] {
  if (!isRoot) return [];
  const ask = (option: string): string =>
    execFileSync('id', [option, 'www-data'], { encoding: 'utf8' }).trim();
  return [
    ['root', '1'],
    ['uid', ask('-u')],
    ['gid', ask('-g')],
    ['groups', ask('-G')],
    ['env.user', 'www-data'],
    ['env.home', '/var/www'],
  ];
}
