#include "host/spares.h"

#include <string.h>
#include <unistd.h>

#include "host/descriptors.h"
#include "shared/clock.h"

/*
 * How many hosts a template keeps ready. One is enough for a pool that wakes now and then. Pools that wake one after
 * the other, as after a reload of a busy machine, use it up faster than it is replaced: then more are kept for a while.
 * Only a pool that changes nothing of PHP's start can use one.
 */

enum {
	/*
	 * The only spare is made this long after the last host, which gets the processors first. In a row of pools the next
	 * one comes sooner than that, and would wait for the start of an OPcache: there spares are made at once.
	 */
	DELAY_MS = 20,
	/* After this time without a new host all spares but one end. */
	KEPT_MS = 10000,
};

static uint64_t clock_ms(void)
{
	return hathi_clock(CLOCK_MONOTONIC) / 1000;
}

static void forget(struct hathi_spares *spares, uint32_t index)
{
	close(spares->list[index].channel);
	spares->count--;
	memmove(spares->list + index, spares->list + index + 1, (spares->count - index) * sizeof *spares->list);
}

/* From now on one is kept. */
void hathi_spares_keep(struct hathi_spares *spares)
{
	spares->is_kept = true;
	if (spares->wanted == 0) spares->wanted = 1;
}

/* A spare was made. The channel belongs to the list now. */
void hathi_spares_add(struct hathi_spares *spares, pid_t pid, int channel)
{
	spares->list[spares->count++] = (struct hathi_spare){.pid = pid, .channel = channel};
}

/* No spare could be made, or one has died: the next host causes another attempt, so that there are not many of them. */
void hathi_spares_failed(struct hathi_spares *spares)
{
	spares->wanted = spares->count;
}

/*
 * A host is ordered: gives the oldest spare its descriptors if it may be one. Returns its process id; 0 when the
 * template has to make the host.
 */
pid_t hathi_spares_take(struct hathi_spares *spares, bool may_be_spare, const int *descriptors, size_t count)
{
	pid_t taken = 0;
	spares->ordered_at = clock_ms();
	while (may_be_spare && taken == 0 && spares->count > 0) {
		if (hathi_descriptors_send(spares->list[0].channel, descriptors, count)) taken = spares->list[0].pid;
		forget(spares, 0);
	}
	if (!spares->is_kept) return taken;
	bool lacked = may_be_spare && taken == 0;
	if (spares->wanted == 0 || (lacked && spares->wanted < HATHI_SPARES_MOST)) spares->wanted++;
	return taken;
}

/* A child of the template has ended. Returns whether it was a spare. */
bool hathi_spares_reaped(struct hathi_spares *spares, pid_t pid)
{
	for (uint32_t index = 0; index < spares->count; index++) {
		if (spares->list[index].pid != pid) continue;
		forget(spares, index);
		hathi_spares_failed(spares);
		return true;
	}
	return false;
}

/* Milliseconds until hathi_spares_is_due() has something to do; -1 for never. */
int hathi_spares_timeout(const struct hathi_spares *spares)
{
	bool lacks = spares->count < spares->wanted;
	if (!lacks && spares->count <= 1) return -1;
	uint64_t delay = !lacks ? KEPT_MS : spares->wanted > 1 ? 0 : DELAY_MS;
	uint64_t due = spares->ordered_at + delay;
	uint64_t now = clock_ms();
	return now >= due ? 0 : (int)(due - now);
}

/* Whether another spare is to be made now. Ends those that a row of pools has left. */
bool hathi_spares_is_due(struct hathi_spares *spares)
{
	if (hathi_spares_timeout(spares) != 0) return false;
	if (spares->count < spares->wanted) return true;
	spares->wanted = 1;
	while (spares->count > 1) forget(spares, spares->count - 1);
	return false;
}

/* In a child of the template, which has none. */
void hathi_spares_forget(struct hathi_spares *spares)
{
	while (spares->count > 0) forget(spares, 0);
}
