#include "host/relay.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/memory.h"
#include "host/orphan_status.h"
#include "host/passed.h"
#include "record/slot.h"
#include "wire/request_id.h"

/*
 * A worker runs scripts, so nothing that it sends is trusted. A datagram has a fixed form, and its text is passed on
 * as a payload that nobody parses. An answer that cannot be sent at once is dropped.
 */

static const char *const streams[] = {"stdout", "stderr"};

/*
 * Writes a blank and the id of the request that wrote the output just read; nothing when that is unsure. It is the
 * running request: a worker begins no request before the host has read and named the last one's output, and a worker
 * that stopped waiting sets `is_unsure`. A script can change the slot, so an invalid id is skipped.
 */
static void name_writer(const struct hathi_host *host, uint32_t slot, char *words)
{
	*words = '\0';
	if (!host->names_requests || atomic_load(&host->shared->slots[slot].is_unsure) != 0) return;
	uint32_t requests = hathi_slot_requests(host->scoreboard, slot);
	char id[HATHI_REQUEST_ID_BYTES] = "";
	if (requests == host->children[slot].flushed) return;
	hathi_slot_request_id(host->scoreboard, slot, id, sizeof id);
	atomic_thread_fence(memory_order_acquire);
	if (hathi_slot_requests(host->scoreboard, slot) != requests || !hathi_request_id_is_valid(id)) return;
	sprintf(words, " %s", id);
}

/* Without a master: output becomes lines of the log, in the words of the master. */
static void keep_output(struct hathi_host *host, uint32_t slot, int stream, const char *bytes, size_t length)
{
	const char *end = bytes + length;
	while (bytes < end) {
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
		const char *line_end = newline == NULL ? end : newline;
		hathi_channel_log(&host->channel, HATHI_WARNING, "child %d said into %s: \"%.*s\"",
			(int)host->children[slot].pid, streams[stream], (int)(line_end - bytes), bytes);
		bytes = line_end + 1;
	}
}

/* Bytes of the line at the end that goes on in what follows; none where it is longer than all this. */
static size_t unfinished(const char *bytes, size_t length)
{
	const char *newline = memrchr(bytes, '\n', length);
	return newline == NULL ? 0 : (size_t)(bytes + length - newline - 1);
}

/* Reads and passes on a worker's output so far. Returns false when the pipe has ended. */
static bool relay_output(struct hathi_host *host, uint32_t slot, int stream)
{
	enum { ROUNDS = 16 };
	struct hathi_child *child = host->children + slot;
	char bytes[16384];
	/* Without a master: the beginning of a line. */
	size_t held = 0;
	bool goes_on = true;
	if (child->output[stream] < 0) return true;
	for (int round = 0; round < ROUNDS; round++) {
		ssize_t got = read(child->output[stream], bytes + held, sizeof bytes - held);
		if (got <= 0) {
			goes_on = got < 0 && (errno == EAGAIN || errno == EINTR);
			break;
		}
		/* A short read has emptied the pipe. */
		bool is_last = (size_t)got < sizeof bytes - held;
		child->has_output = true;
		if (host->orphan.is_orphan) {
			size_t length = held + (size_t)got;
			held = is_last ? 0 : unfinished(bytes, length);
			keep_output(host, slot, stream, bytes, length - held);
			memmove(bytes, bytes + length - held, held);
		} else {
			char writer[HATHI_REQUEST_ID_BYTES + 1];
			name_writer(host, slot, writer);
			hathi_channel_say(&host->channel, bytes, (size_t)got, "output %u %d %s%s", slot, (int)child->pid,
				streams[stream], writer);
		}
		if (is_last) break;
	}
	if (held > 0) keep_output(host, slot, stream, bytes, held);
	return goes_on;
}

/* The same, and shows the worker that its output is being read: its next request waits for that. */
bool hathi_relay_output(struct hathi_host *host, uint32_t slot, int stream)
{
	atomic_store(&host->shared->slots[slot].is_being_read, 1);
	bool goes_on = relay_output(host, slot, stream);
	atomic_store(&host->shared->slots[slot].is_being_read, 0);
	return goes_on;
}

/* Passes on the rest of a dead worker's output. */
void hathi_relay_rest(struct hathi_host *host, uint32_t slot)
{
	for (int stream = 1; stream >= 0; stream--) hathi_relay_output(host, slot, stream);
}

/* Without a master: answers the question of a worker for the status page. */
static void answer_alone(struct hathi_host *host, uint32_t slot)
{
	const struct hathi_child *child = host->children + slot;
	char id[64];
	snprintf(id, sizeof id, "%u.%d.%u", slot, (int)child->pid, child->question);
	int page = hathi_orphan_page(host, &child->asked_for);
	hathi_relay_status(host, id, 200, page);
	if (page >= 0) close(page);
}

/* There is no master any more: answers the questions that it has left open. */
void hathi_relay_answer_open(struct hathi_host *host)
{
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		if (host->children[slot].pid != 0 && host->children[slot].has_asked) answer_alone(host, slot);
	}
}

/*
 * Asks the master for the status page, one question per worker at a time. Further questions are dropped. Without a
 * master the host answers.
 */
static void ask_status(struct hathi_host *host, uint32_t slot, const struct hathi_control *control)
{
	struct hathi_child *child = host->children + slot;
	if (child->has_asked) return;
	child->has_asked = true;
	child->question = control->sequence;
	child->asked_for = hathi_status_select(control->text, control->length);
	if (host->orphan.is_orphan) {
		answer_alone(host, slot);
		return;
	}
	hathi_channel_say(&host->channel, control->text, control->length, "status %u.%d.%u", slot,
		(int)host->children[slot].pid, control->sequence);
}

/*
 * A worker's request is over. If the worker waits for the answer, the pipes hold the rest of that request's output.
 * If it does not, that output was read already, and the pipes hold the next request's.
 */
static void flush(struct hathi_host *host, uint32_t slot, const struct hathi_control *control)
{
	struct hathi_child *child = host->children + slot;
	if (control->status != 0) hathi_relay_rest(host, slot);
	if (child->has_output) hathi_channel_word(&host->channel, "flush %u %d", slot, (int)child->pid);
	child->has_output = false;
	child->flushed = control->sequence;
	if (control->status == 0) return;
	struct hathi_control answer = {.type = HATHI_CONTROL_FLUSHED, .sequence = control->sequence};
	hathi_control_send(child->control, &answer, -1);
}

/* Obeys one message of a worker. */
static void obey(struct hathi_host *host, uint32_t slot, const struct hathi_control *control)
{
	struct hathi_child *child = host->children + slot;
	switch (control->type) {
	case HATHI_CONTROL_UP:
		if (child->is_up) return;
		child->is_up = true;
		hathi_channel_word(&host->channel, "up %u %d", slot, (int)child->pid);
		return;
	case HATHI_CONTROL_WAITS:
		hathi_passed_waits(host, slot);
		return;
	case HATHI_CONTROL_BOOT_FAILED:
		hathi_channel_say(&host->channel, control->text, control->length, "boot-failed %u %d", slot, (int)child->pid);
		return;
	case HATHI_CONTROL_RENEW:
		hathi_channel_say(&host->channel, control->text, control->length, "renew");
		return;
	case HATHI_CONTROL_FLUSH:
		flush(host, slot, control);
		return;
	case HATHI_CONTROL_STATUS:
		ask_status(host, slot, control);
		return;
	case HATHI_CONTROL_LOG:
		if (control->status <= HATHI_ALERT)
			hathi_channel_log(&host->channel, (enum hathi_level)control->status, "%.*s", (int)control->length,
				control->text);
		return;
	default:
		return;
	}
}

/* Reads one message from a worker's control socket. Returns false when there was none. */
bool hathi_relay_control(struct hathi_host *host, uint32_t slot)
{
	struct hathi_child *child = host->children + slot;
	struct hathi_control control;
	int descriptor;
	if (child->control < 0) return false;
	int got = hathi_control_receive(child->control, &control, &descriptor);
	if (got == 1 && control.type == HATHI_CONTROL_MEMORY) hathi_memory_relay(host, slot, &control, descriptor);
	if (got == 1) hathi_passed_take(host, slot, control.type, &descriptor);
	if (descriptor >= 0) close(descriptor);
	if (got < 0) {
		/* The worker is ending; the kernel reports its end. */
		close(child->control);
		child->control = -1;
	}
	if (got == 1) obey(host, slot, &control);
	return got == 1;
}

/*
 * Passes the master's status page to the worker that asked, if it is still the same one; -1 without a page. The
 * caller keeps the descriptor.
 */
void hathi_relay_status(struct hathi_host *host, const char *id, uint32_t status, int page)
{
	unsigned slot;
	int pid;
	unsigned sequence;
	if (sscanf(id, "%u.%d.%u", &slot, &pid, &sequence) != 3) return;
	if (slot >= host->slot_count || host->children[slot].pid != pid) return;
	host->children[slot].has_asked = false;
	if (host->children[slot].control < 0) return;
	struct hathi_control control = {.type = HATHI_CONTROL_STATUS_REPLY, .sequence = sequence, .status = status};
	hathi_control_send(host->children[slot].control, &control, page);
}

/* Passes a connection to an idle worker, else to a busy one, which serves it next. The caller keeps the descriptor. */
void hathi_relay_connection(struct hathi_host *host, int connection)
{
	const struct hathi_control control = {.type = HATHI_CONTROL_CONNECTION};
	const struct hathi_child *found = NULL;
	for (uint32_t slot = 0; slot < host->booted_slots; slot++) {
		const struct hathi_child *child = host->children + slot;
		if (child->pid == 0 || child->control < 0 || !child->is_up || child->is_leaving) continue;
		if (found == NULL) found = child;
		if (atomic_load(&host->shared->slots[slot].is_free) == 0) continue;
		found = child;
		break;
	}
	if (found != NULL) hathi_control_send(found->control, &control, connection);
}

/* Sends every worker a message, with a descriptor unless it is -1. */
void hathi_relay_to_all(struct hathi_host *host, enum hathi_control_type type, int descriptor)
{
	struct hathi_control control = {.type = type};
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		const struct hathi_child *child = host->children + slot;
		if (child->pid != 0 && child->control >= 0) hathi_control_send(child->control, &control, descriptor);
	}
}
