/* Messages of a worker for the logs (log.c). */
#ifndef HATHI_LOG_H
#define HATHI_LOG_H

#include "shared/level.h"
#include "shared/text.h"
#include "worker/worker.h"

void hathi_worker_log(struct hathi_worker *worker, enum hathi_level level, const char *format, ...)
	HATHI_PRINTF(3, 4);
void hathi_worker_tell(struct hathi_worker *worker, enum hathi_level level, const char *format, ...)
	HATHI_PRINTF(3, 4);
void hathi_worker_log_php(struct hathi_worker *worker, const char *text);
void hathi_worker_log_notes(struct hathi_worker *worker);
size_t hathi_log_limit(const struct hathi_settings *settings);

#endif
