#include "host/commands.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/listener.h"
#include "host/orphan.h"
#include "host/relay.h"
#include "host/workers.h"
#include "shared/control.h"
#include "shared/process.h"

static bool read_slot(const struct hathi_host *host, const struct hathi_message *message, uint32_t *slot)
{
	if (message->word_count < 2) return false;
	char *end;
	unsigned long value = strtoul(message->words[1], &end, 10);
	*slot = (uint32_t)value;
	return *end == '\0' && value < host->slot_count;
}

static void reopen_log(struct hathi_host *host)
{
	int descriptor;
	char byte;
	hathi_receive_descriptor(HATHI_FD_DESCRIPTORS, &byte, 1, &descriptor);
	if (descriptor < 0) {
		hathi_channel_log(&host->channel, HATHI_ERROR, "no descriptor came for the new access log");
		return;
	}
	hathi_relay_to_all(host, HATHI_CONTROL_ACCESS_LOG, descriptor);
	atomic_fetch_add(&host->shared->log_generation, 1);
	/* New workers inherit it. */
	if (host->log_fd >= 0) {
		dup3(descriptor, host->log_fd, O_CLOEXEC);
		close(descriptor);
	} else {
		host->log_fd = descriptor;
	}
}

/* The next message on the descriptor channel is a connection. Without a worker for it, its client sees its end. */
static void pass_connection(struct hathi_host *host)
{
	int connection;
	char byte;
	hathi_receive_descriptor(HATHI_FD_DESCRIPTORS, &byte, 1, &connection);
	if (connection < 0) return;
	hathi_relay_connection(host, connection);
	close(connection);
}

/* "status-reply ID STATUS", with the page as a descriptor, or "no-status ID". */
static void answer_status(struct hathi_host *host, const struct hathi_message *message)
{
	int page = -1;
	char byte;
	uint32_t status = 500;
	if (message->word_count == 3) {
		hathi_receive_descriptor(HATHI_FD_DESCRIPTORS, &byte, 1, &page);
		status = (uint32_t)strtoul(message->words[2], NULL, 10);
	}
	hathi_relay_status(host, message->words[1], status, page);
	if (page >= 0) close(page);
}

/*
 * "watch [COVERED [SLOT]]". The host cannot see how many connections wait, so a COVERED over 0 starts no watch.
 */
static bool start_watch(struct hathi_host *host, const struct hathi_message *message)
{
	char *end;
	unsigned long slot = message->word_count > 2 ? strtoul(message->words[2], &end, 10) : host->slot_count;
	if (message->word_count > 2 && (*end != '\0' || slot >= host->slot_count)) return false;
	host->granted = message->word_count > 2 ? (int32_t)slot : -1;
	if (!host->draining && (message->word_count == 1 || hathi_message_is(message, 1, "0"))) hathi_listener_watch(host, true);
	return true;
}

static void drain(struct hathi_host *host)
{
	hathi_listener_watch(host, false);
	hathi_workers_drain(host);
}

/* Obeys a command. Returns false when the contract has no such command. */
static bool obey(struct hathi_host *host, const struct hathi_message *message)
{
	uint32_t slot;
	if (hathi_message_is(message, 0, "worker") && read_slot(host, message, &slot)) {
		hathi_workers_start(host, slot);
	} else if (hathi_message_is(message, 0, "end") && message->word_count == 3 && read_slot(host, message, &slot)) {
		return hathi_workers_end(host, slot, message->words[2]);
	} else if (hathi_message_is(message, 0, "accept")) {
		hathi_workers_accept(host);
	} else if (hathi_message_is(message, 0, "pause")) {
		atomic_store(&host->shared->paused, 1);
		hathi_relay_to_all(host, HATHI_CONTROL_LOOK_AGAIN, -1);
	} else if (hathi_message_is(message, 0, "connection")) {
		pass_connection(host);
	} else if (hathi_message_is(message, 0, "watch")) {
		return start_watch(host, message);
	} else if (hathi_message_is(message, 0, "drain")) {
		drain(host);
	} else if (hathi_message_is(message, 0, "reopen") && hathi_message_is(message, 1, "access.log")) {
		reopen_log(host);
	} else if (hathi_message_is(message, 0, "status-reply") && message->word_count == 3) {
		answer_status(host, message);
	} else if (hathi_message_is(message, 0, "no-status") && message->word_count == 2 && message->has_payload) {
		answer_status(host, message);
	} else if (hathi_message_is(message, 0, "survive") && message->word_count == 2) {
		return hathi_orphan_permit(host, message);
	} else if (hathi_message_is(message, 0, "hathi") && message->word_count == 2) {
		/* A new master says which contract it speaks; it knows the host's before it connects. */
		return strtol(message->words[1], NULL, 10) == HATHI_CONTRACT_VERSION;
	} else if (hathi_message_is(message, 0, "alive") && message->word_count == 2) {
		hathi_channel_word(&host->channel, "alive %s", message->words[1]);
	} else {
		return false;
	}
	return true;
}

/*
 * Obeys all that the master has sent. Ends the process when the master breaks the contract, or is gone and the host
 * must not outlive it.
 */
void hathi_commands_obey(struct hathi_host *host)
{
	bool open = hathi_channel_fill(&host->channel, false);
	struct hathi_message message;
	for (int got; (got = hathi_channel_next(&host->channel, &message)) != 0;) {
		if (got < 0 || !obey(host, &message)) hathi_workers_kill(host, HATHI_EXIT_FAILED);
	}
	if (!open && !hathi_orphan_begin(host)) hathi_workers_kill(host, 0);
}
