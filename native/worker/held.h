/* The connections that a worker holds: silent ones, half-sent requests, kept ones (held.c). */
#ifndef HATHI_HELD_H
#define HATHI_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/worker.h"

void hathi_held_add(struct hathi_worker *worker, struct hathi_connection *connection);
void hathi_held_close(struct hathi_worker *worker, uint32_t index);
struct hathi_connection *hathi_held_read(struct hathi_worker *worker, uint32_t index);
int hathi_held_room_in(const struct hathi_worker *worker);
struct hathi_connection *hathi_held_make_last_room(struct hathi_worker *worker);
struct hathi_connection *hathi_held_give_up_kept(struct hathi_worker *worker);
struct hathi_connection *hathi_held_give_up(struct hathi_worker *worker);
bool hathi_held_rests(const struct hathi_worker *worker);
bool hathi_held_exchange(struct hathi_worker *worker, struct hathi_connection **late);
void hathi_held_leave(struct hathi_worker *worker, bool is_new);
struct hathi_connection *hathi_held_wait(struct hathi_worker *worker, bool with_listener, int most, bool *waits);
struct hathi_connection *hathi_held_pipelined(struct hathi_worker *worker);

#endif
