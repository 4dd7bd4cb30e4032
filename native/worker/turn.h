/* A worker's steps between and around requests (turn.c), for worker.c and php/loop.c, which serve them. */
#ifndef HATHI_TURN_H
#define HATHI_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/worker.h"

void hathi_turn_come_up(struct hathi_worker *worker);
struct hathi_connection *hathi_turn_next(struct hathi_worker *worker);
uint64_t hathi_turn_begin(struct hathi_worker *worker, struct hathi_connection *connection);
void hathi_turn_settle(struct hathi_worker *worker, uint64_t started);
void hathi_turn_give_up_kept(struct hathi_worker *worker);
void hathi_turn_ask_renewal(struct hathi_worker *worker, const char *reason);
bool hathi_turn_is_last(const struct hathi_worker *worker);
void hathi_turn_fail_boot(struct hathi_worker *worker, const char *format, ...) HATHI_PRINTF(2, 3);

#endif
