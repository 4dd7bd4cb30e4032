import type { Pair } from './pairs.ts';
import { keepConnectionFlag, role } from './records.ts';
import type { RoleName } from './server-api.ts';

/** A request without its body. */
export interface RequestHead {
  readonly id: number;
  readonly role: RoleName;
  readonly keepConnection: boolean;
  readonly params: readonly Pair[];
  readonly contentLength: number;
}

/** @returns the fields of BEGIN_REQUEST; `role` is undefined for an unknown number. */
export function readBegin(content: Uint8Array): { role: RoleName | undefined; keepConnection: boolean } {
  return {
    role: roleName((content[0]! << 8) | content[1]!),
    keepConnection: (content[2]! & keepConnectionFlag) !== 0,
  };
}

function roleName(number: number): RoleName | undefined {
  switch (number) {
    case role.responder:
      return 'RESPONDER';
    case role.authorizer:
      return 'AUTHORIZER';
    case role.filter:
      return 'FILTER';
    default:
      return undefined;
  }
}

/** The last CONTENT_LENGTH, parsed as C's atol does; negative counts as 0 (PHP-FPM: as unlimited). */
export function contentLengthOf(params: readonly Pair[]): number {
  const text = params.findLast(([name]) => name === 'CONTENT_LENGTH')?.[1] ?? '';
  const digits = /^[ \t\n\v\f\r]*\+?(\d+)/.exec(text)?.[1] ?? '0';
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}
