/**
 * The bytes of the scoreboard: the only list of its fields. Reader, writer, the table in docs/contract.md and the C
 * header derive from it. Everything is little-endian and naturally aligned; a string is a u16 length followed by its
 * bytes.
 *
 * Two clocks: `_epoch_micros` is CLOCK_REALTIME, for display; `_clock_micros` is CLOCK_MONOTONIC, for durations and
 * time-outs: all processes of a machine share it and no time step moves it.
 */

import { durationBounds, durationClasses, peakPeriodMicros, peakPeriods } from './durations.ts';

/** First eight bytes of every scoreboard. */
export const scoreboardMagic = 'HATHISB\0';
/** Incremented when a field moves or changes its meaning; a new field leaves it unchanged. */
export const scoreboardVersion = 2;
export const headerSize = 4096;
export const slotSize = 4096;
/** Requests after which a worker has its working size: its growth is measured from there. */
export const warmAfterRequests = 20;
/** Worker mode: further requests until its growth means anything. */
export const leastGrowthRequests = 20;

/** The writer of a field. No byte has two writers at a time (docs/contract.md, section 7: a host without a master). */
export type FieldWriter = 'creation' | 'master' | 'host' | 'worker';

/** The engines of src/engine/choice/select.ts. */
export type FieldEngine = 'embedded' | 'native';

export interface Field {
  /** Name in C and in the documentation. */
  readonly name: string;
  /** `bytes` is opaque; `string` is a u16 length, then `size` bytes. */
  readonly type: 'u32' | 'u64' | 'bytes' | 'string';
  /** Offset in bytes from the start of the header or slot. */
  readonly offset: number;
  /** Bytes of content; for `string` the capacity without the length. */
  readonly size: number;
  /** Elements of an array of numbers; undefined for a single field. */
  readonly count?: number;
  readonly writer: FieldWriter;
  /** The only engine that has the field: for a pool of the other one it reads as zero, whatever the file contains. */
  readonly engine?: FieldEngine;
  readonly about: string;
}

/** Fields of the header: written at creation, by the master or by the host. */
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
    about: 'incremented by every reload',
  },
  {
    name: 'process_manager',
    type: 'u32',
    offset: 132,
    size: 4,
    writer: 'master',
    about: '1 static, 2 dynamic, 3 ondemand, 4 auto',
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
    about: 'at the last heartbeat: all workers that are not idle',
  },
  {
    name: 'listen_queue',
    type: 'u32',
    offset: 148,
    size: 4,
    writer: 'master',
    about:
      'connections in the backlog, at the last heartbeat; while there is no master its host writes this and the next two',
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
    about: 'limit of the backlog; 0 when unknown',
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
    about: 'last write of this region',
  },

  {
    name: 'accepted_requests',
    type: 'u64',
    offset: 512,
    size: 8,
    writer: 'host',
    about: 'requests begun, by all workers (atomic add)',
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
    about:
      'accepted connections that wait for a worker: in the host (embedded), in a queue of the pool (native), whose workers write it by atomic adds',
  },
  {
    name: 'max_queued_requests',
    type: 'u32',
    offset: 540,
    size: 4,
    writer: 'host',
    about: 'highest `queued_requests`',
  },
  {
    name: 'opcache_epoch_micros',
    type: 'u64',
    offset: 544,
    size: 8,
    writer: 'host',
    about: 'time of the OPcache figures below; 0: unknown. One worker at a time writes them',
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
    about: 'cached scripts',
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
    about: 'capacity in names',
  },
  {
    name: 'opcache_restarts_memory',
    type: 'u64',
    offset: 592,
    size: 8,
    writer: 'host',
    about: 'restarts because its memory was used up',
  },
  {
    name: 'opcache_restarts_keys',
    type: 'u64',
    offset: 600,
    size: 8,
    writer: 'host',
    about: 'restarts because of too many names',
  },
  {
    name: 'opcache_restarts_manual',
    type: 'u64',
    offset: 608,
    size: 8,
    writer: 'host',
    about: 'restarts that a script asked for',
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
    about: 'bytes of outdated scripts',
  },
  {
    name: 'opcache_strings_used',
    type: 'u64',
    offset: 640,
    size: 8,
    writer: 'host',
    about: 'bytes of the interned strings buffer',
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
    name: 'refused_requests',
    type: 'u64',
    offset: 656,
    size: 8,
    writer: 'host',
    about:
      'requests refused because too many waited; of a native pool only by the lane, where there is none the master refuses',
  },
  {
    name: 'priority_requests',
    type: 'u64',
    offset: 664,
    size: 8,
    writer: 'host',
    about: 'requests that the lane served before those that waited (atomic add)',
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

/** Fields of a slot, all written by its worker (embedded engine: by the host on its behalf). */
export const slotFields = [
  {
    name: 'sequence',
    type: 'u32',
    offset: 0,
    size: 4,
    writer: 'worker',
    about: 'odd during a change of the slot',
  },
  {
    name: 'state',
    type: 'u32',
    offset: 4,
    size: 4,
    writer: 'worker',
    about:
      'stage of the worker, see below; the native engine leaves the last one of an ended worker (`pid` is 0)',
  },
  { name: 'pid', type: 'u32', offset: 8, size: 4, writer: 'worker', about: '0: the slot is free' },
  {
    name: 'http_status',
    type: 'u32',
    offset: 12,
    size: 4,
    writer: 'worker',
    about: 'status of the last answer, 0 before the first',
  },
  {
    name: 'started_epoch_micros',
    type: 'u64',
    offset: 16,
    size: 8,
    writer: 'worker',
    about: 'start of the worker',
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
    about: 'last change of `state`',
  },
  {
    name: 'duration_micros',
    type: 'u64',
    offset: 48,
    size: 8,
    writer: 'worker',
    about: 'duration of the last request that ended, from accept to end',
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
    name: 'boots',
    type: 'u32',
    offset: 128,
    size: 4,
    writer: 'worker',
    about: 'worker mode: boots of the application in this worker; 0 in one that runs scripts',
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
  {
    name: 'instance_bytes',
    type: 'u64',
    offset: 176,
    size: 8,
    writer: 'worker',
    engine: 'embedded',
    about:
      "memory of the worker's PHP instance, or what it wants beyond `pm.max_memory_hard`, where it waits for its end; a native worker is a process, measured by the kernel",
  },
  {
    name: 'boot_micros',
    type: 'u64',
    offset: 184,
    size: 8,
    writer: 'worker',
    about: 'worker mode: duration of the last boot',
  },
  {
    name: 'boot_requests',
    type: 'u64',
    offset: 192,
    size: 8,
    writer: 'worker',
    about: 'worker mode: `requests` at the last boot',
  },
  {
    name: 'heap_bytes',
    type: 'u64',
    offset: 200,
    size: 8,
    writer: 'worker',
    about: "worker mode: PHP's memory in use after the last request",
  },
  {
    name: 'warm_heap_bytes',
    type: 'u64',
    offset: 208,
    size: 8,
    writer: 'worker',
    about: `worker mode: the same after the ${warmAfterRequests}th request since the boot, 0 before`,
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

/** Number of separate routes; place 0 is for all other requests. */
export const routeCount = 100;
export const routesSize = 49_152;
/** Offset of the first route in the table of routes, and size of a route. */
export const routesStart = 1344;
export const routeSize = 448;

/** Fields before the routes. Native: a worker changes the table under a lock that the master does not see. */
export const routeTableFields = [
  {
    name: 'sequence',
    type: 'u32',
    offset: 0,
    size: 4,
    writer: 'worker',
    about: 'odd during a change of the table',
  },
  {
    name: 'uncounted',
    type: 'u64',
    offset: 8,
    size: 8,
    writer: 'worker',
    engine: 'native',
    about: 'requests counted in no route, because another worker held the lock (atomic add)',
  },
  {
    name: 'hashes',
    type: 'u32',
    offset: 64,
    size: 4,
    count: routeCount + 1,
    writer: 'worker',
    engine: 'native',
    about: 'FNV-1a of the names, 0 for a free place: for the writer only',
  },
  {
    name: 'weights',
    type: 'u64',
    offset: 512,
    size: 8,
    count: routeCount + 1,
    writer: 'worker',
    engine: 'native',
    about: 'the lightest route is replaced when the table is full: for the writer only',
  },
] as const satisfies readonly Field[];

/** Fields of a route: its requests since it got its place. */
export const routeFields = [
  { name: 'requests', type: 'u64', offset: 0, size: 8, writer: 'worker', about: 'requests that ended' },
  { name: 'errors', type: 'u64', offset: 8, size: 8, writer: 'worker', about: 'answers 5xx' },
  {
    name: 'duration_sum_micros',
    type: 'u64',
    offset: 16,
    size: 8,
    writer: 'worker',
    about: 'sum of durations, from accept to end',
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
    about: 'method and folded path; empty: free',
  },
] as const satisfies readonly Field[];

export type HeaderFieldName = (typeof headerFields)[number]['name'];
export type OpcacheFieldName = Extract<HeaderFieldName, `opcache_${string}`>;
/** An OPcache figure of OpcacheFieldName; the excluded one is their time. */
export type OpcacheFigureName = Exclude<OpcacheFieldName, 'opcache_epoch_micros'>;
export type SlotFieldName = (typeof slotFields)[number]['name'];
export type RouteFieldName = (typeof routeFields)[number]['name'];
export type SlotStringName = Extract<(typeof slotFields)[number], { type: 'string' }>['name'];

/** Offsets of header fields by name. */
export const headerAt = offsets<HeaderFieldName>(headerFields);
/** Offsets of slot fields by name. */
export const slotAt = offsets<SlotFieldName>(slotFields);

/** Offsets of table fields by name. */
export const routeTableAt = offsets<(typeof routeTableFields)[number]['name']>(routeTableFields);
/** Offsets of route fields by name. */
export const routeAt = offsets<RouteFieldName>(routeFields);
/** Capacity of a route's name in bytes. */
export const routeNameCapacity = routeFields.find(({ name }) => name === 'name')!.size;

/** All OPcache figures, in order. */
export const opcacheFigureNames = headerFields
  .map(({ name }) => name)
  .filter(
    (name): name is OpcacheFigureName => name.startsWith('opcache_') && name !== 'opcache_epoch_micros',
  );

/** Regions of the header with one write each. */
export const masterRegion = { start: 128, end: 512 } as const;
export const hostRegion = { start: 512, end: 1024 } as const;
export const opcacheRegion = {
  start: headerAt.opcache_epoch_micros,
  end: headerAt.opcache_strings_free + 8,
} as const;
/** Numbers that are read every second come before this offset, strings and further counters after it. */
export const slotNumbersEnd = 256;
/** End of the last field; the rest of a slot is unused. */
export const slotUsedEnd = Math.max(...slotFields.map((field) => field.offset + fieldBytes(field)));

/** Capacity of a slot's string fields in bytes. */
export const stringCapacity = Object.fromEntries(
  slotFields.filter(({ type }) => type === 'string').map(({ name, size }) => [name, size]),
) as Readonly<Record<SlotStringName, number>>;

/** File size for a number of slots. */
export function scoreboardSize(slotCount: number): number {
  return routesPosition(slotCount) + routesSize;
}

/** Position of the table of routes, after the slots. */
export function routesPosition(slotCount: number): number {
  return slotPosition(slotCount);
}

/** Position of a slot in the file. */
export function slotPosition(slot: number): number {
  return headerSize + slot * slotSize;
}

/** Size of a field in bytes, including the length of a string. */
export function fieldBytes(field: Field): number {
  if (field.type === 'string') return 2 + field.size;
  return field.size * (field.count ?? 1);
}

function offsets<Name extends string>(
  fields: readonly { readonly name: Name; readonly offset: number }[],
): Readonly<Record<Name, number>> {
  return Object.fromEntries(fields.map(({ name, offset }) => [name, offset])) as Record<Name, number>;
}
