/**
 * The scoreboard's bytes: the only list of its fields. Reader, writer, the table in docs/contract.md and the C
 * header are made from it. Everything is little-endian and naturally aligned; a string is a u16 length followed
 * by its bytes.
 *
 * Two clocks: `_epoch_micros` is CLOCK_REALTIME, for people; `_clock_micros` is CLOCK_MONOTONIC, which all
 * processes of a machine share and which no time step moves, for durations and time-outs.
 */

import { durationBounds, durationClasses, peakPeriodMicros, peakPeriods } from './durations.ts';

/** First eight bytes of every scoreboard. */
export const scoreboardMagic = 'HATHISB\0';
/** Raised when a field moves or changes its meaning; added fields leave it alone. */
export const scoreboardVersion = 2;
export const headerSize = 4096;
export const slotSize = 4096;

/** Who writes a field. No byte has two writers. */
export type FieldWriter = 'creation' | 'master' | 'host' | 'worker';

/** The engines of src/engine/select.ts. */
export type FieldEngine = 'embedded' | 'native';

export interface Field {
  /** Name in C and in the documentation. */
  readonly name: string;
  /** `bytes` is opaque; `string` is a u16 length and then `size` bytes. */
  readonly type: 'u32' | 'u64' | 'bytes' | 'string';
  /** Bytes from the start of the header or slot. */
  readonly offset: number;
  /** Bytes of content: for `string` the capacity without the length. */
  readonly size: number;
  /** Elements of an array of numbers; absent is a plain field. */
  readonly count?: number;
  readonly writer: FieldWriter;
  /** The only engine that has the field: for a pool of the other one it reads as zero, whatever is in the file. */
  readonly engine?: FieldEngine;
  readonly about: string;
}

/** Fields of the header: written once at creation, by the master, by the host. */
export const headerFields = [
  { name: 'magic', type: 'bytes', offset: 0, size: 8, writer: 'creation', about: '`HATHISB` and a zero' },
  { name: 'version', type: 'u32', offset: 8, size: 4, writer: 'creation', about: 'version of this layout' },
  { name: 'header_size', type: 'u32', offset: 12, size: 4, writer: 'creation', about: 'where slot 0 starts' },
  { name: 'slot_size', type: 'u32', offset: 16, size: 4, writer: 'creation', about: 'bytes a slot' },
  { name: 'slot_count', type: 'u32', offset: 20, size: 4, writer: 'creation', about: 'number of slots' },
  {
    name: 'start_epoch_micros',
    type: 'u64',
    offset: 24,
    size: 8,
    writer: 'creation',
    about: 'start of the pool, the "start time" of the status page',
  },

  {
    name: 'generation',
    type: 'u32',
    offset: 128,
    size: 4,
    writer: 'master',
    about: 'raised by every reload',
  },
  {
    name: 'process_manager',
    type: 'u32',
    offset: 132,
    size: 4,
    writer: 'master',
    about: '1 static, 2 dynamic, 3 ondemand',
  },
  { name: 'max_children', type: 'u32', offset: 136, size: 4, writer: 'master', about: '`pm.max_children`' },
  {
    name: 'idle_workers',
    type: 'u32',
    offset: 140,
    size: 4,
    writer: 'master',
    about: 'at the last heartbeat',
  },
  {
    name: 'active_workers',
    type: 'u32',
    offset: 144,
    size: 4,
    writer: 'master',
    about: 'at the last heartbeat: every worker that is not idle',
  },
  {
    name: 'listen_queue',
    type: 'u32',
    offset: 148,
    size: 4,
    writer: 'master',
    about: 'connections that wait to be accepted, at the last heartbeat',
  },
  {
    name: 'max_listen_queue',
    type: 'u32',
    offset: 152,
    size: 4,
    writer: 'master',
    about: 'highest `listen_queue`',
  },
  {
    name: 'listen_queue_length',
    type: 'u32',
    offset: 156,
    size: 4,
    writer: 'master',
    about: 'how many connections may wait; 0 when the system does not say',
  },
  {
    name: 'max_children_reached',
    type: 'u32',
    offset: 160,
    size: 4,
    writer: 'master',
    about: 'times that another worker was wanted and `pm.max_children` forbade it',
  },
  {
    name: 'slow_requests',
    type: 'u64',
    offset: 168,
    size: 8,
    writer: 'master',
    about: 'entries in the slow log',
  },
  {
    name: 'heartbeat_clock_micros',
    type: 'u64',
    offset: 176,
    size: 8,
    writer: 'master',
    about: 'when the master wrote its region',
  },

  {
    name: 'accepted_requests',
    type: 'u64',
    offset: 512,
    size: 8,
    writer: 'host',
    about: 'requests begun, all workers together (atomic add)',
  },
  {
    name: 'memory_peak',
    type: 'u64',
    offset: 520,
    size: 8,
    writer: 'host',
    about: 'highest `memory_peak` of a request, bytes',
  },
  {
    name: 'active_requests',
    type: 'u32',
    offset: 528,
    size: 4,
    writer: 'host',
    about: 'workers that are not idle',
  },
  {
    name: 'max_active_requests',
    type: 'u32',
    offset: 532,
    size: 4,
    writer: 'host',
    about: 'highest `active_requests`',
  },
  {
    name: 'queued_requests',
    type: 'u32',
    offset: 536,
    size: 4,
    writer: 'host',
    engine: 'embedded',
    about: 'connections that the host accepted and that wait for a worker; native workers accept themselves',
  },
  {
    name: 'max_queued_requests',
    type: 'u32',
    offset: 540,
    size: 4,
    writer: 'host',
    engine: 'embedded',
    about: 'highest `queued_requests`',
  },
  {
    name: 'opcache_epoch_micros',
    type: 'u64',
    offset: 544,
    size: 8,
    writer: 'host',
    about:
      'when the figures of OPcache below were taken; 0: there are none. One worker at a time writes them',
  },
  {
    name: 'opcache_hits',
    type: 'u64',
    offset: 552,
    size: 8,
    writer: 'host',
    about: 'scripts that OPcache had',
  },
  {
    name: 'opcache_misses',
    type: 'u64',
    offset: 560,
    size: 8,
    writer: 'host',
    about: 'scripts that it had to compile',
  },
  {
    name: 'opcache_scripts',
    type: 'u64',
    offset: 568,
    size: 8,
    writer: 'host',
    about: 'scripts in it',
  },
  {
    name: 'opcache_keys',
    type: 'u64',
    offset: 576,
    size: 8,
    writer: 'host',
    about: 'their names',
  },
  {
    name: 'opcache_keys_limit',
    type: 'u64',
    offset: 584,
    size: 8,
    writer: 'host',
    about: 'names that it can hold',
  },
  {
    name: 'opcache_restarts_memory',
    type: 'u64',
    offset: 592,
    size: 8,
    writer: 'host',
    about: 'times that it was emptied because its memory was used up',
  },
  {
    name: 'opcache_restarts_keys',
    type: 'u64',
    offset: 600,
    size: 8,
    writer: 'host',
    about: 'because there were too many names',
  },
  {
    name: 'opcache_restarts_manual',
    type: 'u64',
    offset: 608,
    size: 8,
    writer: 'host',
    about: 'because a script asked for it',
  },
  {
    name: 'opcache_memory_used',
    type: 'u64',
    offset: 616,
    size: 8,
    writer: 'host',
    about: 'bytes',
  },
  {
    name: 'opcache_memory_free',
    type: 'u64',
    offset: 624,
    size: 8,
    writer: 'host',
    about: 'bytes',
  },
  {
    name: 'opcache_memory_wasted',
    type: 'u64',
    offset: 632,
    size: 8,
    writer: 'host',
    about: 'bytes of scripts that have changed',
  },
  {
    name: 'opcache_strings_used',
    type: 'u64',
    offset: 640,
    size: 8,
    writer: 'host',
    about: 'bytes of the buffer for interned strings',
  },
  {
    name: 'opcache_strings_free',
    type: 'u64',
    offset: 648,
    size: 8,
    writer: 'host',
    about: 'bytes of the same',
  },
  {
    name: 'engine_symbols',
    type: 'bytes',
    offset: 1024,
    size: 1024,
    writer: 'host',
    engine: 'native',
    about: 'where a PHP stack is in the memory of a worker (section 5)',
  },
] as const satisfies readonly Field[];

/** Fields of a slot, all written by its worker (embedded: by the host on its behalf). */
export const slotFields = [
  {
    name: 'sequence',
    type: 'u32',
    offset: 0,
    size: 4,
    writer: 'worker',
    about: 'odd while the slot is being changed',
  },
  {
    name: 'state',
    type: 'u32',
    offset: 4,
    size: 4,
    writer: 'worker',
    about:
      'stage of the worker, see below; of one that is gone (`pid` is 0) the native engine leaves its last',
  },
  { name: 'pid', type: 'u32', offset: 8, size: 4, writer: 'worker', about: '0: the slot is free' },
  {
    name: 'http_status',
    type: 'u32',
    offset: 12,
    size: 4,
    writer: 'worker',
    about: 'status of the last answer, 0 before the first one',
  },
  {
    name: 'started_epoch_micros',
    type: 'u64',
    offset: 16,
    size: 8,
    writer: 'worker',
    about: 'birth of the worker',
  },
  {
    name: 'requests',
    type: 'u64',
    offset: 24,
    size: 8,
    writer: 'worker',
    about: 'requests begun by this worker',
  },
  {
    name: 'accepted_clock_micros',
    type: 'u64',
    offset: 32,
    size: 8,
    writer: 'worker',
    about: 'when the request was accepted',
  },
  {
    name: 'stage_clock_micros',
    type: 'u64',
    offset: 40,
    size: 8,
    writer: 'worker',
    about: 'when `state` last changed',
  },
  {
    name: 'duration_micros',
    type: 'u64',
    offset: 48,
    size: 8,
    writer: 'worker',
    about: 'the last request that ended, from accept to end',
  },
  {
    name: 'cpu_micros',
    type: 'u64',
    offset: 56,
    size: 8,
    writer: 'worker',
    about: 'CPU time of that request',
  },
  {
    name: 'cpu_wall_micros',
    type: 'u64',
    offset: 64,
    size: 8,
    writer: 'worker',
    about: 'wall time in which `cpu_micros` was used: the basis of the percentage',
  },
  {
    name: 'memory_peak',
    type: 'u64',
    offset: 72,
    size: 8,
    writer: 'worker',
    about: "PHP's peak memory in that request, bytes",
  },
  {
    name: 'content_length',
    type: 'u64',
    offset: 80,
    size: 8,
    writer: 'worker',
    about: 'CONTENT_LENGTH of the request',
  },
  {
    name: 'responses',
    type: 'u64',
    offset: 88,
    size: 8,
    count: 5,
    writer: 'worker',
    about: 'answers of this worker by class: 1xx, 2xx, 3xx, 4xx, 5xx',
  },
  {
    name: 'restarts',
    type: 'u32',
    offset: 128,
    size: 4,
    writer: 'worker',
    about: 'reserved for workers that are renewed in place, zero until then',
  },
  {
    name: 'peak_period',
    type: 'u64',
    offset: 136,
    size: 8,
    writer: 'worker',
    about: `the last period of ${peakPeriodMicros / 1_000_000} s of CLOCK_MONOTONIC in which a request ended`,
  },
  {
    name: 'peaks_micros',
    type: 'u64',
    offset: 144,
    size: 8,
    count: peakPeriods,
    writer: 'worker',
    about: `highest \`duration_micros\` of the last ${peakPeriods} periods, that of period N at place N modulo ${peakPeriods}`,
  },
  { name: 'method', type: 'string', offset: 256, size: 16, writer: 'worker', about: 'REQUEST_METHOD' },
  {
    name: 'uri',
    type: 'string',
    offset: 274,
    size: 512,
    writer: 'worker',
    about: 'URI of the script without its query, as on the status page',
  },
  { name: 'query', type: 'string', offset: 788, size: 1536, writer: 'worker', about: 'QUERY_STRING' },
  { name: 'script', type: 'string', offset: 2326, size: 512, writer: 'worker', about: 'path of the script' },
  {
    name: 'user',
    type: 'string',
    offset: 2840,
    size: 64,
    writer: 'worker',
    about: 'user of HTTP authentication',
  },
  {
    name: 'request_id',
    type: 'string',
    offset: 2906,
    size: 64,
    writer: 'worker',
    about: 'id of the request, empty where it has none',
  },
  {
    name: 'path',
    type: 'string',
    offset: 2972,
    size: 512,
    writer: 'worker',
    about: 'path of REQUEST_URI: what the client asked for; without one `uri`',
  },
  {
    name: 'duration_sum_micros',
    type: 'u64',
    offset: 3488,
    size: 8,
    writer: 'worker',
    about: '`duration_micros` of all requests of this worker together',
  },
  {
    name: 'durations',
    type: 'u64',
    offset: 3496,
    size: 8,
    count: durationClasses,
    writer: 'worker',
    about: `requests of this worker that ended, by duration: up to ${durationBounds.map((bound) => bound / 1000).join(', ')} ms, and longer`,
  },
] as const satisfies readonly Field[];

/** Routes that are told apart; place 0 is for all others together. */
export const routeCount = 100;
export const routesSize = 49_152;
/** Where the first route is in the table of routes, and bytes from one to the next. */
export const routesStart = 1344;
export const routeSize = 448;

/** Fields before the routes. Native: a worker changes the table while it holds a lock that the master does not see. */
export const routeTableFields = [
  {
    name: 'sequence',
    type: 'u32',
    offset: 0,
    size: 4,
    writer: 'worker',
    about: 'odd while the table is being changed',
  },
  {
    name: 'uncounted',
    type: 'u64',
    offset: 8,
    size: 8,
    writer: 'worker',
    engine: 'native',
    about: 'requests that are in no route, since another worker held the table (atomic add)',
  },
  {
    name: 'hashes',
    type: 'u32',
    offset: 64,
    size: 4,
    count: routeCount + 1,
    writer: 'worker',
    engine: 'native',
    about: 'FNV-1a of the names, 0 for a free place: for the writer alone',
  },
  {
    name: 'weights',
    type: 'u64',
    offset: 512,
    size: 8,
    count: routeCount + 1,
    writer: 'worker',
    engine: 'native',
    about: 'which route goes when the table is full (the lightest): for the writer alone',
  },
] as const satisfies readonly Field[];

/** Fields of a route: its requests since it has its place. */
export const routeFields = [
  { name: 'requests', type: 'u64', offset: 0, size: 8, writer: 'worker', about: 'requests that ended' },
  { name: 'errors', type: 'u64', offset: 8, size: 8, writer: 'worker', about: 'answers 5xx' },
  {
    name: 'duration_sum_micros',
    type: 'u64',
    offset: 16,
    size: 8,
    writer: 'worker',
    about: 'from accept to end, together',
  },
  { name: 'duration_max_micros', type: 'u64', offset: 24, size: 8, writer: 'worker', about: 'the longest' },
  {
    name: 'durations',
    type: 'u32',
    offset: 32,
    size: 4,
    count: durationClasses,
    writer: 'worker',
    about: 'by duration, in the classes of a slot',
  },
  {
    name: 'name',
    type: 'string',
    offset: 272,
    size: 160,
    writer: 'worker',
    about: 'method and folded path; empty: no route',
  },
] as const satisfies readonly Field[];

export type HeaderFieldName = (typeof headerFields)[number]['name'];
export type OpcacheFieldName = Extract<HeaderFieldName, `opcache_${string}`>;
/** A figure of OpcacheFieldName; the other one says when they were taken. */
export type OpcacheFigureName = Exclude<OpcacheFieldName, 'opcache_epoch_micros'>;
export type SlotFieldName = (typeof slotFields)[number]['name'];
export type RouteFieldName = (typeof routeFields)[number]['name'];
export type SlotStringName = Extract<(typeof slotFields)[number], { type: 'string' }>['name'];

/** Offsets of the header's fields by name. */
export const headerAt = offsets<HeaderFieldName>(headerFields);
/** Offsets of a slot's fields by name. */
export const slotAt = offsets<SlotFieldName>(slotFields);

/** Offsets of the fields of the table of routes by name. */
export const routeTableAt = offsets<(typeof routeTableFields)[number]['name']>(routeTableFields);
/** Offsets of a route's fields by name. */
export const routeAt = offsets<RouteFieldName>(routeFields);
/** Capacity in bytes of a route's name. */
export const routeNameCapacity = routeFields.find(({ name }) => name === 'name')!.size;

/** Every figure of OPcache, in order. */
export const opcacheFigureNames = headerFields
  .map(({ name }) => name)
  .filter(
    (name): name is OpcacheFigureName => name.startsWith('opcache_') && name !== 'opcache_epoch_micros',
  );

/** Regions of the header that are written as one piece. */
export const masterRegion = { start: 128, end: 512 } as const;
export const hostRegion = { start: 512, end: 1024 } as const;
export const opcacheRegion = {
  start: headerAt.opcache_epoch_micros,
  end: headerAt.opcache_strings_free + 8,
} as const;
/** The numbers that are looked at every second lie before this offset, strings and further counters after it. */
export const slotNumbersEnd = 256;
/** End of the last field: nothing after it is written. */
export const slotUsedEnd = Math.max(...slotFields.map((field) => field.offset + fieldBytes(field)));

/** Capacity in bytes of a slot's string fields. */
export const stringCapacity = Object.fromEntries(
  slotFields.filter(({ type }) => type === 'string').map(({ name, size }) => [name, size]),
) as Readonly<Record<SlotStringName, number>>;

/** Size of the whole file for that many slots. */
export function scoreboardSize(slotCount: number): number {
  return routesPosition(slotCount) + routesSize;
}

/** Position of the table of routes, which comes after the slots. */
export function routesPosition(slotCount: number): number {
  return slotPosition(slotCount);
}

/** Position of a slot in the file. */
export function slotPosition(slot: number): number {
  return headerSize + slot * slotSize;
}

/** Bytes that a field takes, the length of a string included. */
export function fieldBytes(field: Field): number {
  if (field.type === 'string') return 2 + field.size;
  return field.size * (field.count ?? 1);
}

function offsets<Name extends string>(
  fields: readonly { readonly name: Name; readonly offset: number }[],
): Readonly<Record<Name, number>> {
  return Object.fromEntries(fields.map(({ name, offset }) => [name, offset])) as Record<Name, number>;
}
