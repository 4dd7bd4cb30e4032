/*
 * Several processes count requests in one table of routes, as workers do; then one holds the table and dies. The table
 * is printed as it is. For tests/native/routes.test.ts.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../native/record/layout.h"
#include "../../native/record/route.h"

enum { WORKERS = 4, REQUESTS = 20000, NAMES = 300 };

static void count(const struct hathi_routes *routes, const char *name, uint64_t duration)
{
	const struct hathi_slot_result result = {.status = duration % 10 == 0 ? 500 : 200, .duration = duration};
	hathi_routes_count(routes, name, strlen(name), &result);
}

static void work(const struct hathi_routes *routes)
{
	for (unsigned request = 0; request < REQUESTS; request++) {
		char name[64];
		snprintf(name, sizeof name, "GET /path-%ux", (request * 7 + routes->slot) % NAMES);
		count(routes, request % 4 == 0 ? "GET /shop" : name, request % 4 == 0 ? 5000 : 11);
	}
}

int main(void)
{
	size_t size = HATHI_SB_HEADER_SIZE + (size_t)WORKERS * HATHI_SB_SLOT_SIZE + HATHI_SB_ROUTES_SIZE;
	uint8_t *scoreboard = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	atomic_uint *holder = mmap(NULL, sizeof *holder, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (scoreboard == MAP_FAILED || holder == MAP_FAILED) return 1;
	struct hathi_routes routes;
	for (uint32_t slot = 0; slot < WORKERS; slot++) {
		hathi_routes_open(&routes, scoreboard, WORKERS, holder, slot);
		if (fork() != 0) continue;
		work(&routes);
		_exit(0);
	}
	int status = 0;
	while (wait(&status) > 0)
		if (status != 0) return 2;
	atomic_store(holder, 3);
	count(&routes, "GET /held", 1);
	hathi_routes_let_go(holder, 1);
	count(&routes, "GET /held", 1);
	hathi_routes_let_go(holder, 2);
	count(&routes, "GET /free", 1000000);
	return fwrite(scoreboard + size - HATHI_SB_ROUTES_SIZE, HATHI_SB_ROUTES_SIZE, 1, stdout) == 1 ? 0 : 3;
}
