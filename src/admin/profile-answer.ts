/** `GET /api/profile`: its parameters and the formats of its answer. */

import type { AdminSource } from '../figures/admin-source.ts';
import { flameGraph } from '../trace/flame-graph.ts';
import { foldedText } from '../trace/folded.ts';
import { type Profile, type ProfileOptions, ProfileRefused, profileLimits } from '../trace/profile.ts';
import { speedscopeText } from '../trace/speedscope.ts';
import { type Answer, failure, type Question } from './answer.ts';

interface Format {
  readonly type: string;
  readonly render: (profile: Profile) => string;
}

const formats: Readonly<Record<string, Format>> = {
  folded: { type: 'text/plain; charset=utf-8', render: foldedText },
  speedscope: { type: 'application/json; charset=utf-8', render: speedscopeText },
  svg: { type: 'image/svg+xml; charset=utf-8', render: flameGraph },
};

/** Answers at the end of the time. */
export async function answerProfile(source: AdminSource, { query, peer, gone }: Question): Promise<Answer> {
  const name = query.get('format') ?? 'folded';
  const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (format === undefined) return failure(400, `format must be one of ${Object.keys(formats).join(', ')}`);
  try {
    const profile = await source.profile(optionsOf(query), peer, gone);
    return { status: 200, type: format.type, body: format.render(profile), headers: figures(profile) };
  } catch (error) {
    if (error instanceof RangeError) return failure(400, error.message);
    if (error instanceof ProfileRefused) return failure(error.status, error.message);
    throw error;
  }
}

/** Quality of the profile, shown beside the stacks. */
function figures({
  samples,
  unsteady,
  looks,
  dropped,
  skipped,
  lookMicros,
}: Profile): Record<string, string> {
  return {
    'x-samples': String(samples),
    'x-unsteady': String(unsteady),
    'x-looks': String(looks),
    'x-dropped': String(dropped),
    'x-skipped': String(skipped),
    'x-look-micros': String(Math.round(lookMicros)),
  };
}

/** @throws RangeError for a missing or invalid parameter */
function optionsOf(query: URLSearchParams): ProfileOptions {
  const pool = query.get('pool');
  if (pool === null) throw new RangeError('needs pool=NAME');
  return {
    pool,
    seconds: whole(query, 'seconds', 10, profileLimits.seconds),
    hertz: whole(query, 'hz', 99, profileLimits.hertz),
  };
}

function whole(query: URLSearchParams, name: string, otherwise: number, most: number): number {
  const given = query.get(name);
  if (given === null) return otherwise;
  const value = Number(given);
  if (!/^\d{1,9}$/.test(given) || value < 1 || value > most) {
    throw new RangeError(`${name} must be a whole number from 1 to ${most}`);
  }
  return value;
}
