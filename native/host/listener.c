#include "host/listener.h"

#include <sys/epoll.h>

#include "host/host_events.h"
#include "host/workers.h"
#include "record/slot.h"

/* Starts or stops watching the listening socket. */
void hathi_listener_watch(struct hathi_host *host, bool on)
{
	if (host->watching == on) return;
	host->watching = on;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = hathi_host_event(HATHI_FROM_LISTENER, 0)};
	epoll_ctl(host->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, host->listen_fd, &event);
	/* Workers may have accepted connections that still wait for one of them. */
	epoll_ctl(host->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, host->lane.queue_out, &event);
}

/*
 * A connection waits. Unless an idle worker is about to accept it, reports it, and makes the worker that the master
 * granted for it. Returns whether to look again soon.
 */
bool hathi_listener_on_connection(struct hathi_host *host)
{
	bool makes = host->accepting && host->granted >= 0 && host->children[host->granted].pid == 0;
	for (uint32_t slot = 0; host->accepting && slot < host->booted_slots; slot++) {
		const struct hathi_child *child = host->children + slot;
		if (child->pid == 0) continue;
		if (hathi_slot_state(host->scoreboard, slot) == HATHI_STAGE_IDLE) return true;
		if (!child->is_up) makes = false;
	}
	hathi_listener_watch(host, false);
	if (!makes) {
		hathi_channel_word(&host->channel, "waiting");
		return false;
	}
	uint32_t slot = (uint32_t)host->granted;
	/* The report goes first, so that the master knows of the worker when it hears of a failed start. */
	hathi_channel_word(&host->channel, "waiting %u", slot);
	hathi_workers_start(host, slot);
	host->children[slot].is_granted = host->children[slot].pid != 0;
	return false;
}
