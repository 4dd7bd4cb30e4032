/** The arguments of `hathi plan`: sizes, shares and assumptions. */

import { parseArgs } from 'node:util';
import { defaultReserve } from '../../pool/capacity.ts';
import type { WhatIf } from '../../pool/prediction.ts';
import { actionOptions } from './admin-command.ts';

const optionTypes = {
  ...actionOptions,
  memory: { type: 'string' },
  others: { type: 'string' },
  reserve: { type: 'string', default: `${100 * defaultReserve}%` },
  'what-if': { type: 'string' },
  write: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  html: { type: 'string' },
} as const;

const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** `600M`, `2G`, `1.5g`, bytes. @throws Error with a message for the user */
export function readSize(name: string, text: string): number {
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)([kmgt]?)b?$/i.exec(text) ?? [];
  if (digits === undefined) throw new Error(`${name} must be a size such as 600M or 2G, and is "${text}"`);
  return Math.round(Number(digits) * units[unit.toLowerCase()]!);
}

/** `20%`, `20` or `0.2`: a fraction of one. @throws Error with a message for the user */
export function readShare(name: string, text: string): number {
  const [, digits, sign] = /^(\d{1,3}(?:\.\d{1,3})?)(%?)$/.exec(text) ?? [];
  const value = Number(digits);
  const share = sign === '%' || value >= 1 ? value / 100 : value;
  if (digits === undefined || share >= 1) {
    throw new Error(`${name} must be a percentage below 100 such as 20%, and is "${text}"`);
  }
  return share;
}

/**
 * `max_children=12,rate=2x,service=1.5x`: omitted ones stay unchanged.
 * @throws Error with a message for the user
 */
export function readWhatIf(text: string): WhatIf {
  const whatIf: { -readonly [Key in keyof WhatIf]: WhatIf[Key] } = {};
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.trim().split('=');
    if (name === 'max_children' && /^[1-9]\d{0,5}$/.test(value)) whatIf.workers = Number(value);
    else if (
      (name === 'rate' || name === 'service') &&
      /^\d{1,4}(\.\d{1,3})?x$/.test(value) &&
      Number.parseFloat(value) > 0
    )
      whatIf[name] = Number.parseFloat(value);
    else
      throw new Error(
        `--what-if must be a list of max_children=N, rate=Nx (arrivals), service=Nx (durations), and has "${part.trim()}"`,
      );
  }
  return whatIf;
}

export type PlanOptions = ReturnType<typeof parsePlanOptions>;

/** @throws Error with a message for the user */
export function parsePlanOptions(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: optionTypes,
    strict: true,
    allowPositionals: true,
  });
  if (values.write && values.json) throw new Error('--write and --json exclude each other');
  return {
    ...values,
    pools: positionals,
    request: {
      memory: values.memory === undefined ? undefined : readSize('--memory', values.memory),
      others: values.others === undefined ? undefined : readSize('--others', values.others),
      reserve: readShare('--reserve', values.reserve),
      whatIf: values['what-if'] === undefined ? undefined : readWhatIf(values['what-if']),
    },
  };
}
