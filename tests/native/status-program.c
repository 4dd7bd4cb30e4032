/*
 * Renders status pages of scoreboards from standard input, each behind its length. For tests/native/status-formats.test.ts,
 * which has the form of a case.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../native/host/status_page.h"
#include "../../native/record/slot.h"

struct head {
	uint32_t slot_count;
	uint32_t first_lane_slot;
	uint32_t max_children;
	uint32_t is_booted;
	uint32_t shows_memory_peak;
	uint32_t kernel_queue;
	uint32_t kernel_limit;
	uint32_t most_queued;
	uint32_t pool_length;
	uint32_t query_length;
	uint64_t now_seconds;
	uint64_t now_micros;
};

static void *take(size_t length)
{
	/* Of exactly that length, so that a read behind it is noticed. */
	void *bytes = malloc(length);
	if (bytes == NULL || (length > 0 && fread(bytes, 1, length, stdin) != length)) abort();
	return bytes;
}

static uint32_t pid_of(const void *context, uint32_t slot)
{
	return ((const uint32_t *)context)[slot];
}

static void print_file(int file)
{
	uint32_t length = (uint32_t)lseek(file, 0, SEEK_END);
	char *bytes = malloc(length);
	if (bytes == NULL || pread(file, bytes, length, 0) != (ssize_t)length) abort();
	fwrite(&length, sizeof length, 1, stdout);
	fwrite(bytes, 1, length, stdout);
	free(bytes);
}

static void play(const struct head *head)
{
	char *pool = calloc(1, head->pool_length + 1);
	if (pool == NULL || (head->pool_length > 0 && fread(pool, 1, head->pool_length, stdin) != head->pool_length)) abort();
	char *query = take(head->query_length);
	uint32_t *pids = take(head->slot_count * sizeof *pids);
	uint8_t *scoreboard = take(HATHI_SB_HEADER_SIZE + (size_t)head->slot_count * HATHI_SB_SLOT_SIZE);
	struct hathi_status_page page = {
		.facts = {
			.scoreboard = scoreboard,
			.pool = pool,
			.manager = "dynamic",
			.max_children = head->max_children,
			.listen_queue = head->kernel_queue + hathi_status_queued(scoreboard, head->most_queued),
			.listen_queue_length = head->kernel_limit,
			.most_queued = head->most_queued,
			.shows_memory_peak = head->shows_memory_peak != 0,
			.is_booted = head->is_booted != 0,
			.now_seconds = head->now_seconds,
			.now_micros = head->now_micros,
		},
		.selection = hathi_status_select(query, head->query_length),
		.slot_count = head->slot_count,
		.pid_of = pid_of,
		.context = pids,
	};
	for (uint32_t slot = 0; slot < head->first_lane_slot; slot++) {
		if (pids[slot] == 0) continue;
		bool is_idle = hathi_slot_is_taken(scoreboard, slot) && hathi_slot_state(scoreboard, slot) == HATHI_STAGE_IDLE;
		if (is_idle) page.facts.idle++;
		else page.facts.active++;
	}
	int file = memfd_create("page", MFD_CLOEXEC);
	if (file < 0 || !hathi_status_write(&page, file)) abort();
	print_file(file);
	close(file);
	free(pool);
	free(query);
	free(pids);
	free(scoreboard);
}

int main(void)
{
	struct head head;
	while (fread(&head, sizeof head, 1, stdin) == 1) play(&head);
	return 0;
}
