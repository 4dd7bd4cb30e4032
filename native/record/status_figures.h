/*
 * The figures of the status page and of fpm_get_status(), from the scoreboard (status_figures.c); status_fields.h has the
 * lists of fields, made from those of the master.
 */
#ifndef HATHI_STATUS_FIGURES_H
#define HATHI_STATUS_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/layout.h"
#include "record/status_fields.h"

/* A value by the kind of its field; times are seconds since 1970. */
struct hathi_status_value {
	/* Bytes of a string, not ended by NUL. */
	const char *text;
	size_t length;
	uint64_t number;
	double percent;
	/* The pool's PHP has no such field. */
	bool is_absent;
};

/* Figures that the scoreboard lacks. */
struct hathi_status_facts {
	const uint8_t *scoreboard;
	const char *pool;
	/* Name of the process manager. */
	const char *manager;
	uint32_t max_children;
	uint32_t idle;
	uint32_t active;
	/* Connections that wait: the kernel's and those of the lane. */
	uint32_t listen_queue;
	/* 0 when unknown. */
	uint32_t listen_queue_length;
	/* How many requests the lane's queue can have; higher figures are a worker's invention. */
	uint32_t most_queued;
	bool shows_memory_peak;
	/* Worker mode. */
	bool is_booted;
	/* CLOCK_REALTIME in seconds, CLOCK_MONOTONIC in microseconds. */
	uint64_t now_seconds;
	uint64_t now_micros;
};

/* The slot of a worker, and texts that are made of its own. */
struct hathi_status_slot {
	uint8_t bytes[HATHI_SB_SLOT_SIZE];
	char uri[HATHI_SB_SLOT_URI_CAPACITY + 1 + HATHI_SB_SLOT_QUERY_CAPACITY];
};

uint32_t hathi_status_queued(const uint8_t *scoreboard, uint32_t most);
void hathi_status_pool(const struct hathi_status_facts *facts, struct hathi_status_value *values);
void hathi_status_process(const struct hathi_status_facts *facts, uint32_t number, uint32_t pid,
	struct hathi_status_slot *slot, struct hathi_status_value *values);
size_t hathi_status_text(const struct hathi_status_slot *slot, size_t offset, size_t capacity, const char **text);
void hathi_status_backlog(uint8_t *scoreboard, const struct hathi_status_value *values);

#endif
