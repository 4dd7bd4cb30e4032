/**
 * The fields of the status page: one table for the pool, one for a process. All formats and fpm_get_status() derive
 * from these two. Order and names are PHP-FPM's; `memory peak` exists from PHP 8.4 on. Worker mode appends fields.
 */

import { asBinary, type BinaryString } from '../text/binary.ts';
import type { ProcessStatus, StatusSnapshot } from './status-snapshot.ts';

/** Type of a value; formats write `time` differently. */
export type FieldKind = 'string' | 'number' | 'percent' | 'time';

/** Texts are escaped by the rules of each format. */
export type FieldValue = BinaryString | number;

/** A metric of the OpenMetrics format. */
export interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  /** The reference prints TYPE before HELP for one metric. */
  readonly typeFirst?: true;
}

export interface PoolField {
  /** Label in text, html and json; with `-` for blanks also the xml element and the key of fpm_get_status(). */
  readonly label: string;
  readonly kind: FieldKind;
  /**
   * Undefined where the pool's PHP has no such field.
   *
   * @param nowSeconds seconds since 1970
   */
  readonly value: (snapshot: StatusSnapshot, nowSeconds: number) => FieldValue | undefined;
  readonly metric?: Metric;
}

/** A field with its value. */
export interface ShownField extends Pick<PoolField, 'label' | 'kind' | 'metric'> {
  readonly value: FieldValue;
}

export interface ProcessField {
  /** Label in the text format. */
  readonly label: string;
  /** Label in html and json where it differs; with `-` for blanks also the xml element. */
  readonly lowerLabel?: string;
  /** Key of fpm_get_status() where it differs from the xml element. */
  readonly key?: string;
  readonly kind: FieldKind;
  readonly value: (process: ProcessStatus, nowSeconds: number) => FieldValue;
}

/** In worker mode; all 0 for a worker that runs scripts. */
const applicationFields: readonly ProcessField[] = [
  { label: 'boots', kind: 'number', value: ({ application }) => application?.boots ?? 0 },
  { label: 'boot time', kind: 'number', value: ({ application }) => application?.bootMicros ?? 0 },
  { label: 'requests since boot', kind: 'number', value: ({ application }) => application?.requests ?? 0 },
  {
    label: 'memory growth',
    kind: 'number',
    value: ({ application }) => application?.growthBytesPerRequest ?? 0,
  },
];

/** The fields of a process. */
export function processFieldsOf({ isBooted }: Pick<StatusSnapshot, 'isBooted'>): readonly ProcessField[] {
  return isBooted ? [...processFields, ...applicationFields] : processFields;
}

function orDash(text: BinaryString): BinaryString {
  return text === '' ? asBinary('-') : text;
}

/** Converts a label to an xml element or a key. */
export function dashed(label: string): string {
  return label.replaceAll(' ', '-');
}

export const poolFields: readonly PoolField[] = [
  { label: 'pool', kind: 'string', value: (status) => status.pool },
  { label: 'process manager', kind: 'string', value: (status) => asBinary(status.processManager) },
  { label: 'start time', kind: 'time', value: (status) => status.startTime },
  {
    label: 'start since',
    kind: 'number',
    value: (status, now) => Math.max(0, now - status.startTime),
    metric: {
      name: 'phpfpm_start_since',
      type: 'counter',
      help: 'The number of seconds since FPM has started.',
    },
  },
  {
    label: 'accepted conn',
    kind: 'number',
    value: (status) => status.acceptedConnections,
    metric: {
      name: 'phpfpm_accepted_connections',
      type: 'counter',
      help: 'The number of requests accepted by the pool.',
    },
  },
  {
    label: 'listen queue',
    kind: 'number',
    value: (status) => status.listenQueue,
    metric: {
      name: 'phpfpm_listen_queue',
      type: 'gauge',
      help: 'The number of requests in the queue of pending connections.',
    },
  },
  {
    label: 'max listen queue',
    kind: 'number',
    value: (status) => status.maxListenQueue,
    metric: {
      name: 'phpfpm_max_listen_queue',
      type: 'counter',
      help: 'The maximum number of requests in the queue of pending connections since FPM has started.',
    },
  },
  {
    label: 'listen queue len',
    kind: 'number',
    value: (status) => status.listenQueueLength,
    metric: {
      name: 'phpfpm_listen_queue_length',
      type: 'gauge',
      help: 'The size of the socket queue of pending connections.',
      typeFirst: true,
    },
  },
  {
    label: 'idle processes',
    kind: 'number',
    value: (status) => status.idleProcesses,
    metric: { name: 'phpfpm_idle_processes', type: 'gauge', help: 'The number of idle processes.' },
  },
  {
    label: 'active processes',
    kind: 'number',
    value: (status) => status.activeProcesses,
    metric: { name: 'phpfpm_active_processes', type: 'gauge', help: 'The number of active processes.' },
  },
  {
    label: 'total processes',
    kind: 'number',
    value: (status) => status.idleProcesses + status.activeProcesses,
    metric: {
      name: 'phpfpm_total_processes',
      type: 'gauge',
      help: 'The number of idle + active processes.',
    },
  },
  {
    label: 'max active processes',
    kind: 'number',
    value: (status) => status.maxActiveProcesses,
    metric: {
      name: 'phpfpm_max_active_processes',
      type: 'counter',
      help: 'The maximum number of active processes since FPM has started.',
    },
  },
  {
    label: 'max children reached',
    kind: 'number',
    value: (status) => status.maxChildrenReached,
    metric: {
      name: 'phpfpm_max_children_reached',
      type: 'counter',
      help:
        'The number of times, the process limit has been reached, when pm tries to start more children ' +
        "(works only for pm 'dynamic' and 'ondemand').",
    },
  },
  {
    label: 'slow requests',
    kind: 'number',
    value: (status) => status.slowRequests,
    metric: {
      name: 'phpfpm_slow_requests',
      type: 'counter',
      help: "The number of requests that exceeded your 'request_slowlog_timeout' value.",
    },
  },
  {
    label: 'memory peak',
    kind: 'number',
    value: (status) => status.memoryPeak,
    metric: {
      name: 'phpfpm_memory_peak',
      type: 'gauge',
      help: 'The memory usage peak since FPM has started.',
    },
  },
];

/** The pool's fields with their values, in order. */
export function shownFields(snapshot: StatusSnapshot, nowSeconds: number): readonly ShownField[] {
  return poolFields.flatMap((field) => {
    const value = field.value(snapshot, nowSeconds);
    return value === undefined ? [] : [{ ...field, value }];
  });
}

const processFields: readonly ProcessField[] = [
  { label: 'pid', kind: 'number', value: (process) => process.pid },
  { label: 'state', kind: 'string', value: (process) => asBinary(process.state) },
  { label: 'start time', kind: 'time', value: (process) => process.startTime },
  {
    label: 'start since',
    kind: 'number',
    value: (process, now) => Math.max(0, now - process.startTime),
  },
  { label: 'requests', kind: 'number', value: (process) => process.requests },
  { label: 'request duration', kind: 'number', value: (process) => process.requestDuration },
  { label: 'request method', kind: 'string', value: (process) => orDash(process.method) },
  {
    label: 'request URI',
    lowerLabel: 'request uri',
    kind: 'string',
    value: ({ uri, query }) => (query === '' ? orDash(uri) : asBinary(`${orDash(uri)}?${query}`)),
  },
  {
    label: 'content length',
    key: 'request-length',
    kind: 'number',
    value: (process) => process.contentLength,
  },
  { label: 'user', kind: 'string', value: (process) => orDash(process.user) },
  { label: 'script', kind: 'string', value: (process) => orDash(process.script) },
  { label: 'last request cpu', kind: 'percent', value: (process) => process.lastRequestCpu },
  { label: 'last request memory', kind: 'number', value: (process) => process.lastRequestMemory },
];
