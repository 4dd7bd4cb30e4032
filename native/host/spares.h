/* Hosts that a template keeps ready (spares.c). */
#ifndef HATHI_SPARES_H
#define HATHI_SPARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	/* Pools that wake one after the other find so many; one is kept otherwise. */
	HATHI_SPARES_MOST = 4,
};

/* A host that has started PHP, OPcache included, before its pool is known. */
struct hathi_spare {
	pid_t pid;
	/* Passes its descriptors; at its end the spare ends. */
	int channel;
};

struct hathi_spares {
	/* In the order in which they were made. */
	struct hathi_spare list[HATHI_SPARES_MOST];
	uint32_t count;
	/* The master wants spares to be kept. */
	bool is_kept;
	uint32_t wanted;
	/* CLOCK_MONOTONIC in milliseconds: the last order for a host. */
	uint64_t ordered_at;
};

void hathi_spares_keep(struct hathi_spares *spares);
void hathi_spares_add(struct hathi_spares *spares, pid_t pid, int channel);
void hathi_spares_failed(struct hathi_spares *spares);
pid_t hathi_spares_take(struct hathi_spares *spares, bool may_be_spare, const int *descriptors, size_t count);
bool hathi_spares_reaped(struct hathi_spares *spares, pid_t pid);
int hathi_spares_timeout(const struct hathi_spares *spares);
bool hathi_spares_is_due(struct hathi_spares *spares);
void hathi_spares_forget(struct hathi_spares *spares);

#endif
