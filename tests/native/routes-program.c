/*
 * Several processes count requests in one table of routes, as workers do; then one holds the table and dies. The table
 * is printed as it is. For tests/native/routes.test.ts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../native/hathi.h"
#include "../../native/record/layout.h"
#include "../../native/record/route.h"

enum { WORKERS = 4, REQUESTS = 20000, NAMES = 300 };

static void count(struct hathi_worker *worker, const char *name, uint64_t duration)
{
	const struct hathi_slot_result result = {.status = duration % 10 == 0 ? 500 : 200, .duration = duration};
	hathi_routes_count(worker, name, strlen(name), &result);
}

static void work(struct hathi_worker *worker)
{
	for (unsigned request = 0; request < REQUESTS; request++) {
		char name[64];
		snprintf(name, sizeof name, "GET /path-%ux", (request * 7 + worker->slot_number) % NAMES);
		count(worker, request % 4 == 0 ? "GET /shop" : name, request % 4 == 0 ? 5000 : 11);
	}
}

int main(void)
{
	size_t size = HATHI_SB_HEADER_SIZE + (size_t)WORKERS * HATHI_SB_SLOT_SIZE + HATHI_SB_ROUTES_SIZE;
	uint8_t *scoreboard = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct hathi_shared *shared =
		mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct hathi_worker *worker = calloc(1, sizeof *worker);
	if (scoreboard == MAP_FAILED || shared == MAP_FAILED || worker == NULL) return 1;
	worker->slot.header = scoreboard;
	worker->slot_count = WORKERS;
	worker->shared = shared;
	for (uint32_t slot = 0; slot < WORKERS; slot++) {
		if (fork() != 0) continue;
		worker->slot_number = slot;
		work(worker);
		_exit(0);
	}
	int status = 0;
	while (wait(&status) > 0)
		if (status != 0) return 2;
	atomic_store(&shared->routes_holder, 3);
	count(worker, "GET /held", 1);
	hathi_routes_let_go(shared, 1);
	count(worker, "GET /held", 1);
	hathi_routes_let_go(shared, 2);
	count(worker, "GET /free", 1000000);
	free(worker);
	return fwrite(scoreboard + size - HATHI_SB_ROUTES_SIZE, HATHI_SB_ROUTES_SIZE, 1, stdout) == 1 ? 0 : 3;
}
