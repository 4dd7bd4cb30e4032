#include "host/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/channel.h"
#include "host/descriptors.h"
#include "host/host.h"
#include "host/meeting.h"
#include "shared/clock.h"
#include "shared/process.h"

/*
 * The keeper: it holds listening sockets that no host holds, those of sleeping pools, and accepts nothing. When its
 * master is killed, connections wait in their backlogs until the next master has taken them (docs/contract.md,
 * section 8). It starts no PHP.
 */

enum {
	/* The channel for sockets, and the socket for the next master. */
	FD_SOCKETS = 4,
	FD_MEETING = 5,
	/* The next master takes a message within that time. */
	TAKE_MS = 1000,
};

struct keeper {
	struct hathi_channel channel;
	int *sockets;
	size_t count;
	size_t capacity;
	/* 0: the sockets end with the master. */
	uint64_t survive_ms;
};

static uint64_t now_ms(void)
{
	return hathi_clock(CLOCK_MONOTONIC) / 1000;
}

/* "keep": takes the sockets that have come before it. Returns false without any. */
static bool keep(struct keeper *keeper)
{
	int came[HATHI_DESCRIPTORS_MOST];
	int count = hathi_descriptors_receive(FD_SOCKETS, MSG_DONTWAIT, came);
	if (count < 1) return false;
	if (keeper->capacity - keeper->count < (size_t)count) {
		size_t wanted = keeper->capacity * 2 + HATHI_DESCRIPTORS_MOST;
		int *grown = realloc(keeper->sockets, wanted * sizeof *grown);
		if (grown == NULL) return false;
		keeper->sockets = grown;
		keeper->capacity = wanted;
	}
	memcpy(keeper->sockets + keeper->count, came, (size_t)count * sizeof *came);
	keeper->count += (size_t)count;
	return true;
}

/* "drop INODE": closes that socket. One that is not kept is no error: the master need not know of all. */
static bool drop(struct keeper *keeper, const char *word)
{
	char *end;
	unsigned long long inode = strtoull(word, &end, 10);
	if (*end != '\0' || *word < '0' || *word > '9') return false;
	for (size_t index = 0; index < keeper->count; index++) {
		struct stat file;
		if (fstat(keeper->sockets[index], &file) != 0 || file.st_ino != inode) continue;
		close(keeper->sockets[index]);
		keeper->sockets[index] = keeper->sockets[--keeper->count];
		return true;
	}
	return true;
}

static bool survive(struct keeper *keeper, const char *word)
{
	char *end;
	unsigned long seconds = strtoul(word, &end, 10);
	if (*end != '\0' || *word < '0' || *word > '9' || seconds > UINT32_MAX / 1000) return false;
	keeper->survive_ms = (uint64_t)seconds * 1000;
	return true;
}

/* Returns false when the message breaks the contract. */
static bool obey(struct keeper *keeper, const struct hathi_message *message)
{
	if (message->has_payload) return false;
	if (message->word_count == 1) return hathi_message_is(message, 0, "keep") && keep(keeper);
	if (message->word_count != 2) return false;
	if (hathi_message_is(message, 0, "drop")) return drop(keeper, message->words[1]);
	return hathi_message_is(message, 0, "survive") && survive(keeper, message->words[1]);
}

/* Obeys until the master is gone. A faulty one is left at once, with its sockets. */
static void serve(struct keeper *keeper)
{
	while (hathi_channel_fill(&keeper->channel, true)) {
		struct hathi_message message;
		int got;
		while ((got = hathi_channel_next(&keeper->channel, &message)) == 1) {
			if (!obey(keeper, &message)) _exit(HATHI_EXIT_FAILED);
		}
		if (got < 0) _exit(HATHI_EXIT_FAILED);
	}
}

/* Passes a copy of every socket to the next master. Returns false when it is gone, too slow, or too poor. */
static bool introduce(struct keeper *keeper)
{
	size_t passed = 0;
	if (!hathi_channel_word(&keeper->channel, "keeping %d %zu", HATHI_CONTRACT_VERSION, keeper->count)) return false;
	while (passed < keeper->count) {
		struct pollfd room = {.fd = FD_SOCKETS, .events = POLLOUT};
		size_t left = keeper->count - passed;
		size_t next = left < HATHI_DESCRIPTORS_MOST ? left : HATHI_DESCRIPTORS_MOST;
		if (poll(&room, 1, TAKE_MS) != 1) return false;
		if (hathi_descriptors_send(FD_SOCKETS, keeper->sockets + passed, next)) passed += next;
		else if (errno != EAGAIN) return false;
	}
	return true;
}

static void place(int descriptor, int target)
{
	if (dup3(descriptor, target, O_CLOEXEC) < 0) _exit(HATHI_EXIT_FAILED);
	close(descriptor);
}

/* Waits for the next master, and takes its orders from then on. Returns false when the time is over. */
static bool find_master(struct keeper *keeper)
{
	uint64_t until = now_ms() + keeper->survive_ms;
	for (;;) {
		uint64_t now = now_ms();
		struct pollfd meeting = {.fd = FD_MEETING, .events = POLLIN};
		int descriptors[HATHI_DESCRIPTORS_MOST];
		if (now >= until) return false;
		if (poll(&meeting, 1, (int)(until - now)) != 1) continue;
		int connection = hathi_meeting_accept(FD_MEETING, geteuid(), 1, descriptors);
		if (connection < 0) continue;
		place(connection, HATHI_FD_CONTROL);
		place(descriptors[0], FD_SOCKETS);
		keeper->channel.length = keeper->channel.consumed = 0;
		if (introduce(keeper)) return true;
	}
}

/* The life of a keeper. Returns the exit code. */
int hathi_keeper_main(const char *program, int argc, char **argv, char **environment)
{
	struct keeper keeper = {.channel = {.fd = HATHI_FD_CONTROL}};
	hathi_title_init(program, argc, argv, environment);
	if (!hathi_title_keep_environment()) return HATHI_EXIT_FAILED;
	hathi_title_set("php-fpm: keeper of sockets");
	do serve(&keeper);
	while (keeper.survive_ms > 0 && keeper.count > 0 && find_master(&keeper));
	/* Before the channel: a master that stops waits for its end, so that others may bind the addresses. */
	for (size_t index = 0; index < keeper.count; index++) close(keeper.sockets[index]);
	return 0;
}
