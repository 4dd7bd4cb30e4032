/* Extensions whose RINIT and RSHUTDOWN run for each request of a booted application (request_modules.c). */
#ifndef HATHI_REQUEST_MODULES_H
#define HATHI_REQUEST_MODULES_H

#include "php/php_glue.h"
#include "worker/worker.h"

zend_module_entry *hathi_request_module_find(const char *name);
void hathi_request_modules_choose(struct hathi_worker *worker);
void hathi_request_modules_start(void);
void hathi_request_modules_stop(void);

#endif
