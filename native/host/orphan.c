#include "host/orphan.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/descriptors.h"
#include "host/host_events.h"
#include "host/listener.h"
#include "host/meeting.h"
#include "host/memory.h"
#include "host/orphan_status.h"
#include "host/passed.h"
#include "host/relay.h"
#include "host/workers.h"
#include "shared/clock.h"
#include "shared/control.h"
#include "shared/process.h"

/*
 * A host whose master has ended without a word (docs/contract.md, section 7): it serves on with the workers that it
 * has, until the next master connects to the socket that the last one left with it, or its time is over. Then it drains.
 */

enum {
	/* Descriptors that a new master passes with its first byte: the descriptor channel, stdout, stderr. */
	PASSED_DESCRIPTORS = 3,
	/* Requests may run so long after the host has begun to drain by itself. */
	DRAIN_MS = 30000,
};

static uint64_t now_ms(void)
{
	return hathi_clock(CLOCK_MONOTONIC) / 1000;
}

/*
 * "survive SECONDS": with seconds the socket for the next master comes over the descriptor channel; "survive 0" takes
 * the permission back. Returns false when that breaks the contract.
 */
bool hathi_orphan_permit(struct hathi_host *host, const struct hathi_message *message)
{
	char *end;
	unsigned long seconds = strtoul(message->words[1], &end, 10);
	if (*end != '\0' || seconds > UINT32_MAX / 1000) return false;
	if (seconds > 0) {
		int descriptor;
		char byte;
		hathi_receive_descriptor(HATHI_FD_DESCRIPTORS, &byte, 1, &descriptor);
		if (descriptor < 0) return false;
		if (host->orphan.socket >= 0) close(host->orphan.socket);
		host->orphan.socket = descriptor;
	}
	host->orphan.survive_ms = (uint32_t)seconds * 1000;
	return true;
}

static void watch_socket(struct hathi_host *host, bool on)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = hathi_host_event(HATHI_FROM_NEXT_MASTER, 0)};
	epoll_ctl(host->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, host->orphan.socket, &event);
}

/* Makes a worker for the next connection that waits, where the last master would have. */
static void watch_connections(struct hathi_host *host)
{
	if (host->draining || host->watching || !host->orphan.grows) return;
	for (uint32_t slot = 0; slot < host->booted_slots; slot++) {
		if (host->children[slot].pid != 0) continue;
		host->granted = (int32_t)slot;
		hathi_listener_watch(host, true);
		return;
	}
}

static bool has_booted_worker(const struct hathi_host *host)
{
	for (uint32_t slot = 0; slot < host->booted_slots; slot++) {
		if (host->children[slot].pid != 0) return true;
	}
	return false;
}

/* The master is gone. Returns false where the host must end with it. */
bool hathi_orphan_begin(struct hathi_host *host)
{
	const char *pm = hathi_setting_text(&host->settings, HATHI_SETTING_PM);
	if (host->orphan.survive_ms == 0 || host->orphan.socket < 0) return false;
	if (!host->accepting && host->draining) return false;
	/* The only host of its pool, which the master would have told to as soon as it was up. */
	if (!host->accepting) hathi_workers_accept(host);
	/* Leaves the epoll set with its last descriptor. Its place stays taken for the next master's connection. */
	if (dup3(host->scoreboard_fd, HATHI_FD_CONTROL, O_CLOEXEC) < 0) return false;
	host->channel.fd = -1;
	host->channel.length = host->channel.consumed = 0;
	host->orphan.is_orphan = true;
	host->orphan.wants_other = false;
	host->orphan.grows = (pm != NULL && strcmp(pm, "ondemand") == 0) || !has_booted_worker(host);
	host->orphan.until = now_ms() + host->orphan.survive_ms;
	host->orphan.looks_at = 0;
	host->orphan.has_complained = false;
	hathi_relay_answer_open(host);
	if (atomic_exchange(&host->shared->paused, 0) != 0) hathi_relay_to_all(host, HATHI_CONTROL_LOOK_AGAIN, -1);
	hathi_listener_watch(host, false);
	watch_socket(host, true);
	watch_connections(host);
	return true;
}

/*
 * Whether a drained host stays all the same: its counters are for its master, until that one takes the permission to
 * outlive it back, or for the next one.
 */
bool hathi_orphan_stays(const struct hathi_host *host)
{
	return host->orphan.is_orphan ? !host->orphan.is_draining : host->orphan.survive_ms > 0;
}

/* How long the loop may wait, in milliseconds; -1 without end. */
int hathi_orphan_timeout(const struct hathi_host *host)
{
	if (!host->orphan.is_orphan) return -1;
	uint64_t now = now_ms();
	uint64_t next = host->orphan.until < host->orphan.looks_at ? host->orphan.until : host->orphan.looks_at;
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		uint64_t at = host->children[slot].replaced_at;
		if (at != 0 && at < next) next = at;
	}
	return next <= now ? 0 : (int)(next - now);
}

/* Worker mode: makes a worker that runs scripts for a request that waits for one. */
static void make_other(struct hathi_host *host)
{
	if (!host->orphan.wants_other) return;
	host->orphan.wants_other = false;
	for (uint32_t slot = host->booted_slots; slot < host->lane.first_slot; slot++) {
		if (host->children[slot].pid != 0) continue;
		hathi_workers_start(host, slot);
		return;
	}
}

/* Makes the lane's workers for a full pool, as the master would: ping and status pages do not wait for the others. */
static void make_lane(struct hathi_host *host)
{
	for (uint32_t slot = host->lane.first_slot; slot < host->slot_count; slot++)
		if (host->children[slot].pid == 0) hathi_workers_start(host, slot);
}

/* Does what is due: replaces workers, drains when the time is over, and ends what has not ended by then. */
void hathi_orphan_check(struct hathi_host *host)
{
	if (!host->orphan.is_orphan) return;
	uint64_t now = now_ms();
	if (hathi_orphan_look(host, now) && !host->draining) make_lane(host);
	for (uint32_t slot = 0; slot < host->slot_count && !host->draining; slot++) {
		struct hathi_child *child = host->children + slot;
		if (child->replaced_at == 0 || child->replaced_at > now) continue;
		child->replaced_at = 0;
		if (child->pid == 0) hathi_workers_start(host, slot);
	}
	if (!host->draining && !has_booted_worker(host)) host->orphan.grows = true;
	make_other(host);
	watch_connections(host);
	if (now < host->orphan.until) return;
	if (host->orphan.is_draining) hathi_workers_kill(host, 0);
	host->orphan.is_draining = true;
	host->orphan.until = now + DRAIN_MS;
	hathi_listener_watch(host, false);
	hathi_workers_drain(host);
}

static void place(int descriptor, int target, bool is_kept)
{
	if (dup3(descriptor, target, is_kept ? O_CLOEXEC : 0) < 0) _exit(HATHI_EXIT_FAILED);
	close(descriptor);
}

/* Tells the new master of everything that it needs: the order of docs/contract.md, section 7. */
static void introduce(struct hathi_host *host)
{
	struct hathi_channel *channel = &host->channel;
	hathi_send_descriptor(HATHI_FD_DESCRIPTORS, ".", 1, host->scoreboard_fd);
	hathi_send_descriptor(HATHI_FD_DESCRIPTORS, ".", 1, host->listen_fd);
	hathi_channel_word(channel, "orphaned %s", host->draining ? "draining" : "serving");
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		struct hathi_child *child = host->children + slot;
		child->is_granted = false;
		child->has_asked = false;
		if (child->pid != 0) hathi_channel_word(channel, "kept %u %d", slot, (int)child->pid);
	}
	host->php->announce(host);
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		const struct hathi_child *child = host->children + slot;
		if (child->pid == 0) continue;
		if (child->has_offered) hathi_memory_pass(host, slot);
		if (child->is_up) hathi_channel_word(channel, "up %u %d", slot, (int)child->pid);
	}
	hathi_channel_tell_kept(channel);
	if (host->has_told_stopped) hathi_channel_word(channel, "stopped");
}

/* Somebody connects to the socket for the next master. */
void hathi_orphan_on_master(struct hathi_host *host)
{
	int descriptors[HATHI_DESCRIPTORS_MOST];
	if (!host->orphan.is_orphan) return;
	int connection = hathi_meeting_accept(
		host->orphan.socket, host->orphan.master_user, PASSED_DESCRIPTORS, descriptors);
	if (connection < 0) return;
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		/* Due workers are made now: the new master finds the pool in its size, and no slot's counters without a worker. */
		struct hathi_child *child = host->children + slot;
		bool is_due = child->replaced_at != 0 && child->pid == 0 && !host->draining;
		child->replaced_at = 0;
		if (is_due) hathi_workers_start(host, slot);
	}
	place(connection, HATHI_FD_CONTROL, true);
	place(descriptors[0], HATHI_FD_DESCRIPTORS, true);
	place(descriptors[1], STDOUT_FILENO, false);
	place(descriptors[2], STDERR_FILENO, false);
	host->channel.fd = HATHI_FD_CONTROL;
	host->orphan.is_orphan = false;
	host->orphan.is_draining = false;
	host->has_told_drained = false;
	hathi_listener_watch(host, false);
	watch_socket(host, false);
	introduce(host);
	hathi_passed_again(host);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = hathi_host_event(HATHI_FROM_MASTER, 0)};
	epoll_ctl(host->epoll, EPOLL_CTL_ADD, HATHI_FD_CONTROL, &event);
}
