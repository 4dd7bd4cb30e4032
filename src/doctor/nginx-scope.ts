/** Effective directives of a nginx block: its own, else those of the enclosing blocks. */

import type { NginxDirective } from './nginx-config.ts';

export class NginxScope {
  readonly #block: readonly NginxDirective[];
  readonly #outer: NginxScope | undefined;

  constructor(block: readonly NginxDirective[], outer?: NginxScope) {
    this.#block = block;
    this.#outer = outer;
  }

  /** All directives with a name in this block only. */
  own(name: string): NginxDirective[] {
    return this.#block.filter((directive) => directive.name === name);
  }

  /** Directives of the innermost block that has any: lists such as `allow` and `fastcgi_param` are not merged. */
  all(...names: readonly string[]): readonly NginxDirective[] {
    const own = this.#block.filter(({ name }) => names.includes(name));
    return own.length > 0 ? own : (this.#outer?.all(...names) ?? []);
  }

  /** First word of a single directive; undefined when no block has it. */
  word(name: string): string | undefined {
    return this.all(name).at(-1)?.args[0];
  }

  /** Value of a `fastcgi_param`. */
  param(name: string): string | undefined {
    return this.all('fastcgi_param').findLast(({ args }) => args[0] === name)?.args[1];
  }
}

/** Seconds: `300`, `5m`, `1h30m`, `500ms` (nginx.org, "Configuration file measurement units"). */
export function nginxSeconds(text: string): number | undefined {
  const units: Readonly<Record<string, number>> = {
    ms: 0.001,
    s: 1,
    m: 60,
    h: 3600,
    d: 86_400,
    w: 604_800,
    '': 1,
  };
  const parts = [...text.matchAll(/(\d+)(ms|[smhdw]|)\s*/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) return undefined;
  return parts.reduce((sum, [, digits, unit = '']) => sum + Number(digits) * (units[unit] ?? 1), 0);
}

/** Bytes: `32k`, `1m`. */
export function nginxBytes(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+)([kmg]?)$/i.exec(text) ?? [];
  return digits === undefined
    ? undefined
    : Number(digits) * 1024 ** ' kmg'.indexOf(unit.toLowerCase() || ' ');
}
