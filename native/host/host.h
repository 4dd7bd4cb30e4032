/* A host: one process for one pool, and its workers (host.c). */
#ifndef HATHI_HOST_H
#define HATHI_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/channel.h"
#include "host/php.h"
#include "host/status_page.h"
#include "shared/lane.h"
#include "shared/memory.h"
#include "shared/notes.h"
#include "shared/settings.h"

/* Descriptors that a host inherits beside stdin, stdout and stderr. */
enum hathi_fd {
	HATHI_FD_CONTROL = 3,
	HATHI_FD_SCOREBOARD = 4,
	HATHI_FD_DESCRIPTORS = 5,
	HATHI_FD_LISTEN = 6,
	HATHI_FD_ACCESS_LOG = 7,
};

struct hathi_child {
	pid_t pid;
	/* CLOCK_MONOTONIC, microseconds. */
	uint64_t started;
	/* -1 when closed. */
	int control;
	int output[2];
	bool is_up;
	/* The host made it on the master's grant, and the master has not asked for it yet. */
	bool is_granted;
	/* It sent its memory, or the reason why it cannot. */
	bool has_offered;
	/* It asked for the status page and has no answer yet: the question's number, and what it asked for. */
	bool has_asked;
	uint32_t question;
	struct hathi_status_selection asked_for;
	/* It has written output since its last request ended. */
	bool has_output;
	/* It was told to end. */
	bool is_leaving;
	/* Worker mode: it runs scripts, and waits for one. */
	bool is_waiting;
	/* Worker mode: the file of the connection that it passes on with its next message; -1 for none. */
	int passed_head;
	/* -1 without one: the host passes it to the next master. */
	int memory;
	/* No master: when another worker takes the slot, monotonic milliseconds; 0 for never. */
	uint64_t replaced_at;
	/* Number of its requests whose output has been read to its end; low bits. */
	uint32_t flushed;
};

struct hathi_access_format;

/* State of a host that outlives its master (orphan.c). */
struct hathi_orphan {
	/* Listens for the next master; -1 without one. */
	int socket;
	/* The user of the master. */
	uid_t master_user;
	/* 0: the host ends with its master. */
	uint32_t survive_ms;
	bool is_orphan;
	/* Connections that wait get workers, as the master would have made. */
	bool grows;
	/* Worker mode: a request waits for a worker that runs scripts. */
	bool wants_other;
	/* It drains because its time was over. */
	bool is_draining;
	/* When it drains by itself, and then when it ends; monotonic milliseconds. */
	uint64_t until;
	/* When it looks at the backlog again, monotonic milliseconds. */
	uint64_t looks_at;
	/* The log has a line about a backlog that the kernel does not tell. */
	bool has_complained;
};

struct hathi_host {
	const struct hathi_host_php *php;
	struct hathi_settings settings;
	struct hathi_channel channel;
	const char *pool;
	uint8_t *scoreboard;
	struct hathi_shared *shared;
	struct hathi_child *children;
	struct hathi_notes notes;
	uint32_t slot_count;
	/* In worker mode the slots of workers with the application; those behind run scripts. Else all. */
	uint32_t booted_slots;
	struct hathi_lane lane;
	uint32_t child_count;
	int epoll;
	int signals;
	int listen_fd;
	/* For the next master. */
	int scoreboard_fd;
	struct hathi_orphan orphan;
	bool has_told_drained;
	int log_fd;
	bool accepting;
	bool watching;
	/* With `watching`: the slot for a worker that may be made for a connection at once; -1 without a grant. */
	int32_t granted;
	bool draining;
	/* The master knows that no worker accepts any more. */
	bool has_told_stopped;
	bool catches_output;
	/* A log shows ids of requests. */
	bool names_requests;
	/* /proc; and the saved group id that guards a worker while it opens its memory, -1 without one. */
	int proc_fd;
	int guard_group;
	struct hathi_access_format *access_format;
};

int hathi_host_main(const struct hathi_host_php *php, int argc, char **argv, char **environment);
int hathi_host_run(struct hathi_host *host);

#endif
