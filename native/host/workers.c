#include "host/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/passed.h"
#include "host/relay.h"
#include "record/route.h"
#include "record/slot.h"
#include "shared/clock.h"
#include "shared/control.h"
#include "shared/process.h"
#include "worker/faults.h"

/* One that failed and has not lived longer did so for a reason that the next one may have as well. */
enum { YOUNG_MICROS = 1000000, YOUNG_DELAY_MS = 1000 };

/* Makes the worker that the master asks for. */
void hathi_workers_start(struct hathi_host *host, uint32_t slot)
{
	struct hathi_child *child = host->children + slot;
	/* The master asked for it just as it was made on the master's grant. */
	bool is_made = child->pid != 0 && child->is_granted;
	child->is_granted = false;
	if (is_made) return;
	/* Worker mode: requests that wait for a worker that runs scripts are served to the last one. */
	bool is_late = host->draining && (slot < host->booted_slots || hathi_passed_is_empty());
	int error = is_late ? ECANCELED : child->pid != 0 ? EEXIST : hathi_spawn(host, slot);
	if (error == 0) return;
	if (!is_late)
		hathi_channel_log(&host->channel, HATHI_ERROR, "fork() failed: %s", strerror(error));
	hathi_channel_word(&host->channel, "ended %u 0 exit %d", slot, HATHI_EXIT_FAILED);
}

/* Reports once that no worker accepts any more. */
void hathi_workers_tell_stopped(struct hathi_host *host)
{
	if (!host->draining || host->has_told_stopped) return;
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		if (host->children[slot].pid != 0 && atomic_load(&host->shared->slots[slot].may_accept) != 0) return;
	}
	host->has_told_stopped = true;
	hathi_channel_word(&host->channel, "stopped");
}

/*
 * Tells a worker to end after its request. A signal would interrupt a sleep or wait of its script. So a busy worker
 * checks the flag before it waits, and an idle one gets the message.
 */
static void tell_to_end(struct hathi_host *host, uint32_t slot)
{
	const struct hathi_control quit = {.type = HATHI_CONTROL_QUIT};
	if (host->children[slot].pid == 0) return;
	host->children[slot].is_leaving = true;
	atomic_store(&host->shared->slots[slot].is_to_end, 1);
	if (host->children[slot].control >= 0) hathi_control_send(host->children[slot].control, &quit, -1);
}

/* "end SLOT MODE". Returns false for an unknown mode. */
bool hathi_workers_end(struct hathi_host *host, uint32_t slot, const char *mode)
{
	int number = hathi_signal_for(mode);
	bool is_graceful = strcmp(mode, "quit") == 0;
	if (is_graceful) tell_to_end(host, slot);
	else if (number != 0 && host->children[slot].pid != 0) kill(host->children[slot].pid, number);
	return is_graceful || number != 0;
}

/* Worker mode, while the host drains: those that run scripts are needed until nobody can pass on a request any more. */
void hathi_workers_end_others(struct hathi_host *host)
{
	if (!host->draining || !hathi_passed_is_empty()) return;
	for (uint32_t slot = 0; slot < host->booted_slots; slot++) {
		if (host->children[slot].pid != 0) return;
	}
	for (uint32_t slot = host->booted_slots; slot < host->lane.first_slot; slot++) {
		if (!host->children[slot].is_leaving) tell_to_end(host, slot);
	}
}

/* They accept connections from now on, also after a pause. */
void hathi_workers_accept(struct hathi_host *host)
{
	host->accepting = true;
	atomic_store(&host->shared->paused, 0);
	hathi_relay_to_all(host, HATHI_CONTROL_ACCEPT, -1);
}

/* Tells all workers to accept no more, and to end after their requests. */
void hathi_workers_drain(struct hathi_host *host)
{
	host->draining = true;
	atomic_store(&host->shared->draining, 1);
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		if (slot < host->booted_slots || slot >= host->lane.first_slot) tell_to_end(host, slot);
	}
	hathi_workers_tell_stopped(host);
	hathi_workers_end_others(host);
}

/*
 * The master has hung up, is gone or breaks the contract: ends everything at once. Output of the workers so far is
 * still passed on; a master that hung up reads it.
 */
void hathi_workers_kill(struct hathi_host *host, int code)
{
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		if (host->children[slot].pid != 0) kill(host->children[slot].pid, SIGKILL);
	}
	while (wait(NULL) > 0 || errno == EINTR) continue;
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		if (host->children[slot].pid != 0) hathi_relay_rest(host, slot);
	}
	_exit(code);
}

static void report_end(struct hathi_host *host, uint32_t slot, pid_t pid, int status)
{
	if (WIFSIGNALED(status))
		hathi_channel_word(&host->channel, "ended %u %d signal %d%s", slot, (int)pid, WTERMSIG(status),
			WCOREDUMP(status) ? " core" : "");
	else
		hathi_channel_word(&host->channel, "ended %u %d exit %d", slot, (int)pid, WEXITSTATUS(status));
}

/* Without a master (orphan.c): a worker that nobody told to end has ended, and another is to take its slot. */
static void replace_later(struct hathi_host *host, uint32_t slot, int status)
{
	uint64_t now = hathi_clock(CLOCK_MONOTONIC);
	struct hathi_child *child = host->children + slot;
	bool has_failed = status != 0 && now - child->started < YOUNG_MICROS;
	if (host->draining || slot >= host->booted_slots || host->orphan.grows) return;
	child->replaced_at = now / 1000 + (has_failed ? YOUNG_DELAY_MS : 0);
}

/* A worker has ended: the others may all be busy now, and it may have died before it counted what it took. */
static void look_at_queue(const struct hathi_host *host)
{
	const uint64_t one = 1;
	int bytes = 0;
	if (ioctl(host->lane.queue_out, FIONREAD, &bytes) == 0)
		hathi_queue_set(host->scoreboard, (uint32_t)bytes / sizeof(struct hathi_left));
	if (host->lane.wake >= 0 && write(host->lane.wake, &one, sizeof one) < 0) return;
}

/* Reaps ended workers: frees their slots and reports how each ended. Reports those that a signal has stopped. */
void hathi_workers_reap(struct hathi_host *host)
{
	struct signalfd_siginfo information;
	while (read(host->signals, &information, sizeof information) > 0) continue;
	int status;
	pid_t pid;
	bool ended = false;
	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		for (uint32_t slot = 0; slot < host->slot_count; slot++) {
			struct hathi_child *child = host->children + slot;
			if (child->pid != pid) continue;
			if (WIFSTOPPED(status)) {
				hathi_channel_word(&host->channel, "halted %u %d", slot, (int)pid);
				break;
			}
			/* Its last messages count: the reason of a failed boot, a request that it passed on. */
			while (hathi_relay_control(host, slot)) continue;
			hathi_relay_rest(host, slot);
			hathi_child_close(child);
			child->pid = 0;
			host->child_count--;
			hathi_routes_let_go(&host->shared->routes_holder, slot);
			hathi_slot_clear(host->scoreboard, slot);
			atomic_store(&host->shared->slots[slot].is_free, 0);
			atomic_store(&host->shared->slots[slot].is_unsure, 0);
			atomic_store(&host->shared->slots[slot].is_to_end, 0);
			report_end(host, slot, pid, status);
			if (host->orphan.is_orphan && !child->is_leaving) replace_later(host, slot, status);
			ended = true;
			break;
		}
	}
	hathi_workers_tell_stopped(host);
	if (ended) look_at_queue(host);
	if (ended) hathi_passed_again(host);
	hathi_workers_end_others(host);
	/* The kernel may have woken the dead worker for a connection that still waits. */
	if (ended && !host->draining) hathi_relay_to_all(host, HATHI_CONTROL_LOOK_AGAIN, -1);
}
