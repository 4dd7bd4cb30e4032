#include "host/listen_queue.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel is asked as src/posix/sockets.ts and src/posix/unix-diag.ts ask it; neither needs a privilege. */

/* A listening TCP socket fills these fields. */
static bool ask_tcp(int socket, uint32_t *length, uint32_t *limit)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_sacked == 0) return false;
	*length = info.tcpi_unacked;
	*limit = info.tcpi_sacked;
	return true;
}

/* Finds the queue in the kernel's answer about the socket with that inode. */
static bool read_answer(const uint8_t *bytes, size_t size, uint32_t inode, uint32_t *length, uint32_t *limit)
{
	struct nlmsghdr header;
	struct unix_diag_msg about;
	struct nlattr attribute;
	struct unix_diag_rqlen queue;
	size_t at = NLMSG_HDRLEN + sizeof about;
	if (size < at) return false;
	memcpy(&header, bytes, sizeof header);
	memcpy(&about, bytes + NLMSG_HDRLEN, sizeof about);
	if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || about.udiag_ino != inode) return false;
	while (at + sizeof attribute <= size) {
		memcpy(&attribute, bytes + at, sizeof attribute);
		if (attribute.nla_len < sizeof attribute || attribute.nla_len > size - at) return false;
		if (attribute.nla_type == UNIX_DIAG_RQLEN && attribute.nla_len >= NLA_HDRLEN + sizeof queue) {
			memcpy(&queue, bytes + at + NLA_HDRLEN, sizeof queue);
			/* For a listening socket the receive queue is the length, the send queue the limit. */
			*length = queue.udiag_rqueue;
			*limit = queue.udiag_wqueue;
			return true;
		}
		at += NLA_ALIGN(attribute.nla_len);
	}
	return false;
}

/* Asks about a Unix socket: sock_diag(7). The kernel answers within send(2), so nobody waits. */
static bool ask_unix(int socket_fd, uint32_t *length, uint32_t *limit)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req request;
	} question = {
		.header = {.nlmsg_len = sizeof question, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
		.request = {
			.sdiag_family = AF_UNIX,
			.udiag_states = UINT32_MAX,
			.udiag_show = UDIAG_SHOW_RQLEN,
			.udiag_cookie = {UINT32_MAX, UINT32_MAX},
		},
	};
	struct stat file;
	uint8_t answer[512];
	if (fstat(socket_fd, &file) != 0) return false;
	/* The kernel truncates it as well. */
	question.request.udiag_ino = (uint32_t)file.st_ino;
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (netlink < 0) return false;
	bool is_known = false;
	if (send(netlink, &question, sizeof question, MSG_NOSIGNAL) == (ssize_t)sizeof question) {
		ssize_t got = recv(netlink, answer, sizeof answer, MSG_DONTWAIT);
		is_known = got > 0 && read_answer(answer, (size_t)got, question.request.udiag_ino, length, limit);
	}
	close(netlink);
	return is_known;
}

/* Sets length and limit of a listening socket's backlog, in connections. Returns false where the kernel does not tell. */
bool hathi_listen_queue(int socket, bool is_tcp, uint32_t *length, uint32_t *limit)
{
	return is_tcp ? ask_tcp(socket, length, limit) : ask_unix(socket, length, limit);
}
