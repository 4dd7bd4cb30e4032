#include "host/orphan_status.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/listen_queue.h"
#include "record/slot.h"
#include "shared/clock.h"

/*
 * A host without a master gives the status page in its place (docs/contract.md, section 7), made of the same sources: the
 * scoreboard, the kernel's backlog, and the workers that the host has. It looks at the backlog as often as the master
 * does, and publishes it, so that its highest length goes on with the next master.
 */

enum { LOOK_MS = 1000 };

/* The worker that is up in a slot, 0 without one. */
static uint32_t pid_of(const void *context, uint32_t slot)
{
	const struct hathi_host *host = context;
	const struct hathi_child *child = host->children + slot;
	return child->is_up ? (uint32_t)child->pid : 0;
}

/* Counts workers as the master does: the lane's are no part of the pool's size. Its queue exists while it has one. */
static void count_workers(const struct hathi_host *host, struct hathi_status_facts *facts)
{
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		if (pid_of(host, slot) == 0) continue;
		bool is_idle = hathi_slot_is_taken(host->scoreboard, slot) &&
			hathi_slot_state(host->scoreboard, slot) == HATHI_STAGE_IDLE;
		if (slot >= host->lane.first_slot) facts->most_queued = HATHI_LANE_MOST;
		else if (is_idle) facts->idle++;
		else facts->active++;
	}
}

/* Asks the kernel for the backlog. Where it told the master and does not tell the host, the log says so. */
static void look_at_backlog(struct hathi_host *host, struct hathi_status_facts *facts)
{
	const char *kind = hathi_setting_text(&host->settings, HATHI_SETTING_LISTEN_KIND);
	bool is_tcp = kind != NULL && strcmp(kind, "tcp") == 0;
	uint32_t length = 0;
	uint32_t known;
	memcpy(&known, host->scoreboard + HATHI_SB_HEADER_LISTEN_QUEUE_LENGTH, sizeof known);
	bool is_told = hathi_listen_queue(host->listen_fd, is_tcp, &length, &facts->listen_queue_length);
	if (!is_told && known > 0 && !host->orphan.has_complained) {
		host->orphan.has_complained = true;
		hathi_channel_log(&host->channel, HATHI_WARNING,
			"the kernel does not tell this host the length of its listen queue: it is shown as 0");
	}
	facts->listen_queue = length + hathi_status_queued(host->scoreboard, facts->most_queued);
}

/* Gathers the facts of now, and publishes the backlog. */
static void take_facts(struct hathi_host *host, struct hathi_status_facts *facts)
{
	struct hathi_status_value values[HATHI_POOL_FIELDS];
	const char *manager = hathi_setting_text(&host->settings, HATHI_SETTING_PM);
	long long most = 0;
	hathi_setting_number(&host->settings, HATHI_SETTING_MAX_CHILDREN, &most);
	*facts = (struct hathi_status_facts){
		.scoreboard = host->scoreboard,
		.pool = host->pool,
		.manager = manager == NULL ? "unknown" : manager,
		.max_children = (uint32_t)most,
		.shows_memory_peak = host->php->shows_memory_peak,
		.is_booted = hathi_setting_text(&host->settings, HATHI_SETTING_WORKER_SCRIPT) != NULL,
		.now_seconds = hathi_clock(CLOCK_REALTIME) / 1000000,
		.now_micros = hathi_clock(CLOCK_MONOTONIC),
	};
	count_workers(host, facts);
	look_at_backlog(host, facts);
	hathi_status_pool(facts, values);
	hathi_status_backlog(host->scoreboard, values);
}

/* Makes the page. Returns its file, which the caller closes; -1 when it cannot be made. */
int hathi_orphan_page(struct hathi_host *host, const struct hathi_status_selection *selection)
{
	struct hathi_status_page page = {
		.selection = *selection,
		.slot_count = host->slot_count,
		.pid_of = pid_of,
		.context = host,
	};
	take_facts(host, &page.facts);
	int file = memfd_create("hathi-status", MFD_CLOEXEC);
	if (file >= 0 && hathi_status_write(&page, file)) return file;
	hathi_channel_log(&host->channel, HATHI_ERROR, "cannot make the status page: no memory or descriptor");
	if (file >= 0) close(file);
	return -1;
}

/* Looks at the backlog when that is due. Returns whether every worker is busy and connections wait. */
bool hathi_orphan_look(struct hathi_host *host, uint64_t now_ms)
{
	struct hathi_status_facts facts;
	if (now_ms < host->orphan.looks_at) return false;
	host->orphan.looks_at = now_ms + LOOK_MS;
	take_facts(host, &facts);
	return facts.active > 0 && facts.idle == 0 && facts.listen_queue > 0;
}
