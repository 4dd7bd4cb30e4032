#include "shared/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static const size_t head_bytes = offsetof(struct hathi_control, text);

/*
 * Sends bytes as one message without waiting, with a descriptor unless it is negative. Returns false with errno
 * unless all bytes were sent.
 */
bool hathi_send_descriptor(int fd, const void *bytes, size_t length, int descriptor)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} ancillary = {.bytes = {0}};
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (descriptor >= 0) {
		message.msg_control = ancillary.bytes;
		message.msg_controllen = sizeof ancillary.bytes;
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
	}
	ssize_t sent;
	do sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)length;
}

/*
 * Sends one datagram, with a descriptor unless it is -1. It never waits: a worker that does not read must not hold up
 * the host. Returns false when it could not be sent.
 */
bool hathi_control_send(int fd, const struct hathi_control *control, int descriptor)
{
	return hathi_send_descriptor(fd, control, head_bytes + control->length, descriptor);
}

/*
 * Receives one message without waiting. Returns the result of recvmsg(2). The caller owns *descriptor, which is -1
 * when the message had none.
 */
ssize_t hathi_receive_descriptor(int fd, void *bytes, size_t size, int *descriptor)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} ancillary;
	struct iovec part = {.iov_base = bytes, .iov_len = size};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = ancillary.bytes,
		/* CMSG_SPACE() has room for a second descriptor in its padding, which nobody would close. */
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	*descriptor = -1;
	ssize_t got;
	do got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	struct cmsghdr *rights = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
	if (rights != NULL && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS)
		memcpy(descriptor, CMSG_DATA(rights), sizeof *descriptor);
	return got;
}

/*
 * Receives one datagram without waiting. Returns 1; 0 when there is none; -1 when the peer is gone or sent something
 * that is no message. The caller owns *descriptor, which is -1 when the datagram had none.
 */
int hathi_control_receive(int fd, struct hathi_control *control, int *descriptor)
{
	ssize_t got = hathi_receive_descriptor(fd, control, sizeof *control, descriptor);
	if (got < 0) return errno == EAGAIN ? 0 : -1;
	if ((size_t)got < head_bytes || control->length != (size_t)got - head_bytes) {
		if (*descriptor >= 0) close(*descriptor);
		*descriptor = -1;
		return -1;
	}
	return 1;
}
