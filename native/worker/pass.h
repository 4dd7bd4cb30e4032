/* Worker mode: the way of a request to a worker that runs scripts (pass.c). */
#ifndef HATHI_PASS_H
#define HATHI_PASS_H

#include "worker/worker.h"

void hathi_pass(struct hathi_worker *worker, struct hathi_connection *connection);
struct hathi_connection *hathi_pass_next(struct hathi_worker *worker);

#endif
