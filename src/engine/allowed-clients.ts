/**
 * listen.allowed_clients: the clients that a TCP pool accepts. In addition to PHP-FPM's plain addresses, this allows
 * blanks around entries and CIDR ranges, compares whole IPv6 addresses, and an empty value allows everybody, as
 * PHP-FPM's own sample file says.
 */

import { BlockList, isIP } from 'node:net';

export class AllowedClients {
  readonly #list = new BlockList();
  readonly #admitsAll: boolean;
  /** PHP-FPM's messages about the value, level error; to be logged once, at the start. */
  readonly problems: readonly string[];

  /**
   * @param value undefined and empty allow everybody
   * @param directive its name, for the problems
   */
  constructor(value: string | undefined, directive = 'listen.allowed_clients') {
    const entries = (value ?? '')
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
    this.#admitsAll = entries.length === 0;
    const wrong = entries.filter((entry) => !this.#add(entry));
    const problems = wrong.map((entry) => `Wrong IP address '${entry}' in ${directive}`);
    if (!this.#admitsAll && wrong.length === entries.length) problems.push('There are no allowed addresses');
    this.problems = problems;
  }

  /** @param address peer address of the socket; undefined for a Unix socket, which is always allowed. */
  admits(address: string | undefined): boolean {
    if (this.#admitsAll || address === undefined) return true;
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
  }

  #add(entry: string): boolean {
    const [, address = '', prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
    const plain = plainAddress(address);
    const family = isIP(plain);
    const bits = family === 4 ? 32 : 128;
    if (family === 0 || Number(prefix ?? 0) > bits) return false;
    this.#list.addSubnet(plain, prefix === undefined ? bits : Number(prefix), family === 4 ? 'ipv4' : 'ipv6');
    return true;
  }
}

/** The address without an IPv6 zone; an IPv4-mapped one becomes IPv4. Logs and lists use this form. */
export function plainAddress(address: string): string {
  const bare = address.split('%', 1)[0] ?? '';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  return mapped?.[1] ?? bare;
}
