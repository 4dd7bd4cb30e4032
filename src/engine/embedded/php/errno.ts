/** Error numbers of the engine's C library (WASI), and the mapping from JavaScript's errors. */

export const errno = {
  EACCES: 2,
  EAFNOSUPPORT: 5,
  EAGAIN: 6,
  EBADF: 8,
  ECONNREFUSED: 14,
  ECONNRESET: 15,
  EEXIST: 20,
  EHOSTUNREACH: 23,
  EINPROGRESS: 26,
  EINTR: 27,
  EINVAL: 28,
  EIO: 29,
  ENETUNREACH: 40,
  ENOENT: 44,
  ENOLCK: 46,
  ENOSPC: 51,
  ENOSYS: 52,
  EPERM: 63,
  EPIPE: 64,
  EPROTONOSUPPORT: 66,
  ETIMEDOUT: 73,
  EOPNOTSUPP: 138,
} as const;

/** Node's codes that the loader does not map. */
const byCode: Readonly<Record<string, number>> = {
  ...errno,
  ERR_INVALID_ARG_TYPE: errno.EINVAL,
  ERR_INVALID_ARG_VALUE: errno.EINVAL,
  ERR_OUT_OF_RANGE: errno.EINVAL,
};

/** The error number for any failure inside a system call; `EIO` for an unknown one. */
export function errorNumber(error: unknown): number {
  const { errno: number, code } = error as { errno?: unknown; code?: unknown };
  // The loader's own errors have a number of this library; Node's have a negative one of the host.
  if (typeof number === 'number' && number > 0) return number;
  return (typeof code === 'string' ? byCode[code] : undefined) ?? errno.EIO;
}
