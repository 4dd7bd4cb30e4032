/* PHP's callbacks (sapi.c), and the response head (head.c). */
#ifndef HATHI_SAPI_H
#define HATHI_SAPI_H

#include "php/php_glue.h"
#include "php/request.h"

extern sapi_module_struct hathi_sapi;

void hathi_sapi_take_environment(void);
void hathi_folder_enter(const zend_file_handle *file);
void hathi_php_in_worker(struct hathi_worker *worker);
void hathi_php_signals_settled(void);
void hathi_php_message(const char *text, size_t length);
int hathi_head_send(sapi_headers_struct *headers);
const char *hathi_head_find(const char *name, void *context);

#endif
