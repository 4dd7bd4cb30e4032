/*
 * Fuzz target: what a worker that has fallen into wrong hands does to its host. The input is a list of its acts, each a
 * byte and what that takes; printed is what the host tells the master. In variant 1 there is none, and the host gives the
 * status page: printed is the number of pages.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../native/host/host.h"
#include "../../native/host/relay.h"
#include "../../native/record/layout.h"
#include "../../native/record/slot.h"
#include "fuzz-target.h"

enum act { SENDS_ANYTHING, SENDS_A_MESSAGE, WRITES_OUTPUT, WRITES_ITS_SLOT, ACTS };
enum { SLOTS = 2, DESCRIPTORS_MOST = 3 };

static uint8_t scoreboard[HATHI_SB_HEADER_SIZE + SLOTS * HATHI_SB_SLOT_SIZE] __attribute__((aligned(64)));

struct acts {
	const uint8_t *at;
	const uint8_t *end;
};

static uint32_t take(struct acts *acts, size_t bytes)
{
	uint32_t value = 0;
	for (; bytes > 0 && acts->at < acts->end; bytes--) value = value << 8 | *acts->at++;
	return value;
}

static size_t take_bytes(struct acts *acts, const uint8_t **bytes)
{
	size_t length = take(acts, 2);
	size_t left = (size_t)(acts->end - acts->at);
	if (length > left) length = left;
	*bytes = acts->at;
	acts->at += length;
	return length;
}

/* One datagram, with as many descriptors as it wants. */
static void send_datagram(int fd, const void *bytes, size_t length, size_t descriptors)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(DESCRIPTORS_MOST * sizeof(int))];
	} ancillary = {.bytes = {0}};
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	int null = open("/dev/null", O_RDONLY);
	if (descriptors > 0) {
		message.msg_control = ancillary.bytes;
		message.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
		for (size_t index = 0; index < descriptors; index++) memcpy(CMSG_DATA(rights) + index * sizeof null, &null, sizeof null);
	}
	sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(null);
}

static void send_message(int fd, struct acts *acts, size_t descriptors)
{
	static const char types[] = "UFSGMRLANX";
	struct hathi_control control = {.type = (uint32_t)types[take(acts, 1) % (sizeof types - 1)]};
	const uint8_t *text;
	control.sequence = take(acts, 4);
	control.status = take(acts, 1);
	uint32_t lie = take(acts, 1);
	size_t length = take_bytes(acts, &text);
	if (length > sizeof control.text) length = sizeof control.text;
	control.length = lie < 200 ? (uint32_t)length : lie * 0x01010101u;
	memcpy(control.text, text, length);
	send_datagram(fd, &control, offsetof(struct hathi_control, text) + length, descriptors);
}

static void act(struct acts *acts, int control, const int *output)
{
	const uint8_t *bytes;
	unsigned head = take(acts, 1);
	size_t descriptors = head / ACTS % (DESCRIPTORS_MOST + 1);
	size_t length;
	switch ((enum act)(head % ACTS)) {
	case SENDS_ANYTHING:
		length = take_bytes(acts, &bytes);
		send_datagram(control, bytes, length, descriptors);
		return;
	case SENDS_A_MESSAGE:
		send_message(control, acts, descriptors);
		return;
	case WRITES_OUTPUT:
		length = take_bytes(acts, &bytes);
		if (write(output[descriptors & 1], bytes, length < 4096 ? length : 4096) < 0) return;
		return;
	case WRITES_ITS_SLOT: {
		size_t at = take(acts, 2) % HATHI_SB_SLOT_SIZE;
		length = take_bytes(acts, &bytes);
		if (length > HATHI_SB_SLOT_SIZE - at) length = HATHI_SB_SLOT_SIZE - at;
		memcpy(scoreboard + HATHI_SB_HEADER_SIZE + HATHI_SB_SLOT_SIZE + at, bytes, length);
		return;
	}
	case ACTS:
		return;
	}
}

static int open_descriptors(void)
{
	int count = 0;
	DIR *folder = opendir("/proc/self/fd");
	if (folder == NULL) abort();
	while (readdir(folder) != NULL) count++;
	closedir(folder);
	return count;
}

/* What the host has said so far. */
static void print_said(FILE *out, int fd)
{
	uint8_t bytes[65536];
	ssize_t got;
	while ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) target_print_hex(out, bytes, (size_t)got);
}

/* The pages that the host has given to the worker. */
static unsigned take_pages(int control)
{
	unsigned count = 0;
	struct hathi_control message;
	int page;
	while (hathi_control_receive(control, &message, &page) == 1) {
		char byte;
		if (page < 0) continue;
		if (message.type != HATHI_CONTROL_STATUS_REPLY || pread(page, &byte, 1, 0) != 1) abort();
		close(page);
		count++;
	}
	return count;
}

static void make_pair(int type, int *ends)
{
	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, ends) != 0) abort();
}

void target_play(FILE *out, const struct target_case *given)
{
	int before = open_descriptors();
	/* Kept free for its purpose. */
	if (dup2(STDERR_FILENO, HATHI_FD_DESCRIPTORS) < 0) abort();
	int channel[2];
	int passed[2];
	int control[2];
	int pipes[2][2];
	make_pair(SOCK_STREAM, channel);
	make_pair(SOCK_STREAM, passed);
	make_pair(SOCK_SEQPACKET, control);
	for (int stream = 0; stream < 2; stream++) {
		if (pipe2(pipes[stream], O_NONBLOCK) != 0) abort();
	}
	memset(scoreboard, 0, sizeof scoreboard);
	struct hathi_child children[SLOTS] = {
		{.control = -1, .output = {-1, -1}, .passed_head = -1, .memory = -1},
		{.pid = 4711, .control = control[0], .output = {pipes[0][0], pipes[1][0]}, .passed_head = -1,
			.memory = -1},
	};
	union {
		struct hathi_shared whole;
		uint8_t bytes[sizeof(struct hathi_shared) + SLOTS * sizeof(struct hathi_shared_slot)];
	} shared = {.bytes = {0}};
	struct hathi_host host = {.scoreboard = scoreboard, .shared = &shared.whole, .children = children,
		.slot_count = SLOTS, .proc_fd = -1};
	static const struct hathi_host_php php = {.shows_memory_peak = true};
	unsigned pages = 0;
	host.php = &php;
	host.pool = "www";
	host.listen_fd = channel[0];
	host.lane.first_slot = SLOTS;
	host.orphan.is_orphan = given->variant == 1;
	host.channel.fd = host.orphan.is_orphan ? -1 : channel[0];
	/* Where the host passes descriptors on. */
	if (dup2(passed[0], HATHI_FD_DESCRIPTORS) < 0) abort();
	struct acts acts = {.at = given->bytes, .end = given->bytes + given->length};
	const int output[] = {pipes[0][1], pipes[1][1]};
	fprintf(out, "said ");
	while (acts.at < acts.end) {
		act(&acts, control[1], output);
		if (children[1].control >= 0) hathi_relay_control(&host, 1);
		for (int stream = 0; stream < 2; stream++) hathi_relay_output(&host, 1, stream);
		print_said(out, channel[1]);
		if (host.orphan.is_orphan) pages += take_pages(control[1]);
		char byte;
		while (recv(passed[1], &byte, 1, MSG_DONTWAIT) == 1) continue;
	}
	hathi_slot_clear(scoreboard, 1);
	fprintf(out, "\n");
	if (host.orphan.is_orphan) fprintf(out, "pages %u\n", pages);
	free(host.channel.kept);
	if (children[1].control >= 0) close(children[1].control);
	/* One, for the next master. */
	if (children[1].memory >= 0) close(children[1].memory);
	const int all[] = {channel[0], channel[1], passed[0], passed[1], control[1], pipes[0][0], pipes[0][1], pipes[1][0],
		pipes[1][1]};
	for (size_t index = 0; index < sizeof all / sizeof *all; index++) close(all[index]);
	close(HATHI_FD_DESCRIPTORS);
	if (open_descriptors() != before) {
		fprintf(stderr, "the host has kept %d descriptors of the worker\n", open_descriptors() - before);
		abort();
	}
}
