/* Waiting for the next request (next_request.c), and taking a connection (accept.c). */
#ifndef HATHI_NEXT_REQUEST_H
#define HATHI_NEXT_REQUEST_H

#include <stdbool.h>

#include "worker/worker.h"

int hathi_accept_admitted(struct hathi_worker *worker, char *name, bool *took);
struct hathi_connection *hathi_accept(struct hathi_worker *worker, bool *took);
void hathi_accept_given(struct hathi_worker *worker);
struct hathi_connection *hathi_accept_left(struct hathi_worker *worker);
bool hathi_worker_may_accept(const struct hathi_worker *worker);
void hathi_worker_leave_accepting(struct hathi_worker *worker);
struct hathi_connection *hathi_next_while_quitting(struct hathi_worker *worker);
bool hathi_worker_is_to_end(const struct hathi_worker *worker);
bool hathi_worker_wait_prepare(struct hathi_worker *worker);
struct hathi_connection *hathi_next_request(struct hathi_worker *worker);

#endif
