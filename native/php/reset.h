/* State of a booted application: made fresh for a request and restored after it (reset.c). */
#ifndef HATHI_RESET_H
#define HATHI_RESET_H

#include "php/php_glue.h"
#include "worker/worker.h"

void hathi_reset_choose(struct hathi_worker *worker);
void hathi_reset_end_boot(void);
void hathi_reset_prepare(void);
void hathi_reset_begin(void);
bool hathi_reset_finish(void);
void hathi_reset_end(void);
void hathi_reset_abandon(void);

#endif
