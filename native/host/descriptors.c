#include "host/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Closes them all. */
void hathi_descriptors_close(const int *descriptors, size_t count)
{
	for (size_t index = 0; index < count; index++) close(descriptors[index]);
}

/*
 * Receives the descriptors of one host, which the master sends before the line that asks for it. Returns their
 * number, or -1 with errno.
 */
int hathi_descriptors_receive(int from, int flags, int *descriptors)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(HATHI_DESCRIPTORS_MOST * sizeof(int))];
	} ancillary;
	char byte;
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = ancillary.bytes,
		.msg_controllen = sizeof ancillary.bytes,
	};
	ssize_t got;
	do got = recvmsg(from, &message, flags | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0) return -1;
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	if (rights == NULL || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) {
		errno = EPROTO;
		return -1;
	}
	size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(descriptors, CMSG_DATA(rights), count * sizeof(int));
	if ((message.msg_flags & MSG_CTRUNC) == 0) return (int)count;
	hathi_descriptors_close(descriptors, count);
	errno = EMFILE;
	return -1;
}

/* Passes descriptors on. Returns false when the receiver is gone. */
bool hathi_descriptors_send(int to, const int *descriptors, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(HATHI_DESCRIPTORS_MOST * sizeof(int))];
	} ancillary = {0};
	char byte = '.';
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = ancillary.bytes,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	ancillary.header.cmsg_level = SOL_SOCKET;
	ancillary.header.cmsg_type = SCM_RIGHTS;
	ancillary.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&ancillary.header), descriptors, count * sizeof(int));
	return sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

/* Moves the descriptors to a host's numbers. Some may occupy the numbers of others, so all move away first. */
bool hathi_descriptors_place(const int *descriptors, size_t count)
{
	int moved[HATHI_DESCRIPTORS_MOST];
	for (size_t index = 0; index < count; index++) {
		moved[index] = fcntl(descriptors[index], F_DUPFD_CLOEXEC, HATHI_DESCRIPTORS_LAST + 1);
		if (moved[index] < 0) return false;
		close(descriptors[index]);
	}
	for (size_t index = 0; index < count; index++) {
		if (dup2(moved[index], HATHI_DESCRIPTORS_FIRST + (int)index) < 0) return false;
		close(moved[index]);
	}
	return true;
}

/* Occupies the numbers of a host's descriptors: files that OPcache opens before a pool comes must lie elsewhere. */
bool hathi_descriptors_keep_places(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool kept = null >= 0;
	for (int place = HATHI_FD_CONTROL; place <= HATHI_DESCRIPTORS_LAST; place++) {
		if (kept && place != null) kept = dup3(null, place, O_CLOEXEC) == place;
	}
	if (null > HATHI_DESCRIPTORS_LAST) close(null);
	return kept;
}
