/* Worker mode: an application that stays booted and asks for requests (loop.c). */
#ifndef HATHI_LOOP_H
#define HATHI_LOOP_H

#include "php/php_glue.h"
#include "worker/worker.h"

void hathi_loop_run(struct hathi_worker *worker);
PHP_FUNCTION(hathi_handle_request);

#endif
