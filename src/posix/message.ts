/** Messages with descriptors, as sendmsg(2) and recvmsg(2) have them: struct msghdr, struct cmsghdr, unix(7). */
import { ffi } from './libc.ts';

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

/** struct msghdr: name, namelen, iov, iovlen, control, controllen, flags; eight bytes each. */
const msghdrSize = 56;
/** Field offsets. */
const msghdr = { name: 0, namelen: 8, iov: 16, iovlen: 24, control: 32, controllen: 40, flags: 48 } as const;
/** struct cmsghdr: length in eight bytes, level, type; then the descriptors, four bytes each. */
const cmsg = { length: 0, level: 8, type: 12, data: 16 } as const;

/** CMSG_LEN and CMSG_SPACE of `count` descriptors. */
const cmsgLength = (count: number): number => cmsg.data + 4 * count;
const cmsgSpace = (count: number): number => cmsg.data + 8 * Math.ceil(count / 2);

/** A struct msghdr. The other buffers are kept alive by it, so that the addresses in `header` stay valid. */
export interface Message {
  readonly header: Buffer;
  readonly data: Buffer;
  readonly control: Buffer;
  readonly vector: Buffer;
  readonly address: Buffer;
}

function messageWith(data: Buffer, count: number, address: Buffer): Message {
  const addressOf = ffi().address;
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(addressOf(data), 0);
  vector.writeBigUInt64LE(BigInt(data.length), 8);
  const control = Buffer.alloc(count === 0 ? 0 : cmsgSpace(count));
  const header = Buffer.alloc(msghdrSize);
  if (address.length > 0) {
    header.writeBigUInt64LE(addressOf(address), msghdr.name);
    header.writeUInt32LE(address.length, msghdr.namelen);
  }
  header.writeBigUInt64LE(addressOf(vector), msghdr.iov);
  header.writeBigUInt64LE(1n, msghdr.iovlen);
  if (count > 0) {
    header.writeBigUInt64LE(addressOf(control), msghdr.control);
    header.writeBigUInt64LE(BigInt(control.length), msghdr.controllen);
  }
  return { header, data, control, vector, address };
}

const nobody = Buffer.alloc(0);

/**
 * A message to be sent.
 *
 * @param data at least one byte
 * @param address struct sockaddr of the receiver; none for a connected socket
 */
export function messageOf(
  data: Buffer,
  { fds = [], address = nobody }: { readonly fds?: readonly number[]; readonly address?: Buffer },
): Message {
  const message = messageWith(data, fds.length, address);
  if (fds.length === 0) return message;
  const { control } = message;
  control.writeBigUInt64LE(BigInt(cmsgLength(fds.length)), cmsg.length);
  control.writeInt32LE(SOL_SOCKET, cmsg.level);
  control.writeInt32LE(SCM_RIGHTS, cmsg.type);
  for (const [index, fd] of fds.entries()) control.writeInt32LE(fd, cmsg.data + 4 * index);
  return message;
}

/** Room for a message of at most so many bytes and descriptors. */
export function messageRoom(bytes: number, descriptors: number): Message {
  return messageWith(Buffer.alloc(bytes), descriptors, nobody);
}

/** The descriptors of a received message, which are the caller's. */
export function descriptorsOf({ header, control }: Message): number[] {
  const carries =
    header.readBigUInt64LE(msghdr.controllen) >= BigInt(cmsgLength(1)) &&
    control.readInt32LE(cmsg.level) === SOL_SOCKET &&
    control.readInt32LE(cmsg.type) === SCM_RIGHTS;
  const came = carries ? (Number(control.readBigUInt64LE(cmsg.length)) - cmsg.data) / 4 : 0;
  return Array.from({ length: came }, (_, index) => control.readInt32LE(cmsg.data + 4 * index));
}

/** Flags of a received message: recvmsg(2). */
export function flagsOf({ header }: Message): number {
  return header.readInt32LE(msghdr.flags);
}
