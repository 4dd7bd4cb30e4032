/* Messages between host and worker, seen from the worker (worker_control.c). */
#ifndef HATHI_WORKER_CONTROL_H
#define HATHI_WORKER_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/worker.h"

/* Event sources of a worker without connections, in its epoll set. */
enum { HATHI_WAIT_CONTROL = 1, HATHI_WAIT_LISTENER = 2, HATHI_WAIT_QUIT = 3, HATHI_WAIT_LEFT = 4 };

void hathi_worker_accept(struct hathi_worker *worker);
void hathi_worker_listen(struct hathi_worker *worker);
void hathi_worker_control(struct hathi_worker *worker);
void hathi_worker_flush(struct hathi_worker *worker);
bool hathi_worker_ask_status(struct hathi_worker *worker, const char *query, uint32_t *status, int *page);

#endif
