/** The system log: openlog(3), syslog(3), closelog(3). */
import { cString, declare } from './libc.ts';

const LOG_PID = 0x01;
const LOG_CONS = 0x02;

const cOpenlog = declare<[Buffer, number, number], void>(
  'void openlog(const void *ident, int option, int facility)',
);
const cSyslog = declare<[number, Buffer, 'void *', Buffer], void>(
  'void syslog(int priority, const void *format, ...)',
);
const cCloselog = declare<[], void>('void closelog(void)');

/** openlog(3) keeps the pointer, so the text must outlive the call. */
let ident: Buffer | undefined;
const format = cString('%s');

/**
 * Connects to the system log; lines carry `name` and the process id, and go to the console when the log is down.
 *
 * @param facility number of syslog.h, such as 24 for LOG_DAEMON.
 */
export function openSystemLog(name: string, facility: number): void {
  ident = cString(name);
  cOpenlog(ident, LOG_PID | LOG_CONS, facility);
}

/** Sends one message. `priority` is 0 (emergency) to 7 (debug). */
export function writeSystemLog(priority: number, message: Uint8Array): void {
  // A NUL byte would end the C string and lose the rest of the message.
  const text = message.includes(0) ? Buffer.from(message).map((byte) => (byte === 0 ? 0x20 : byte)) : message;
  cSyslog(priority, format, 'void *', cString(text));
}

/** Closes the connection to the system log. */
export function closeSystemLog(): void {
  cCloselog();
  ident = undefined;
}
