/* Between the files of a worker's loop: worker.c, held.c, connection.c, worker_control.c. */
#ifndef HATHI_WORKER_H
#define HATHI_WORKER_H

#include "hathi.h"

/* What a worker without connections waits for, in its epoll set. */
enum { HATHI_WAIT_CONTROL = 1, HATHI_WAIT_LISTENER = 2, HATHI_WAIT_QUIT = 3 };

void hathi_held_close(struct hathi_worker *worker, uint32_t index);
struct hathi_connection *hathi_held_read(struct hathi_worker *worker, uint32_t index);
int hathi_held_room_in(const struct hathi_worker *worker);
struct hathi_connection *hathi_held_give_up(struct hathi_worker *worker);
struct hathi_connection *hathi_held_wait(struct hathi_worker *worker, bool with_listener, int most, bool *waits);
struct hathi_connection *hathi_held_pipelined(struct hathi_worker *worker);
bool hathi_worker_is_wanted(const struct hathi_worker *worker);
void hathi_worker_accept(struct hathi_worker *worker);

#endif
