/* How workers are scheduled (scheduler.c). */
#ifndef HATHI_SCHEDULER_H
#define HATHI_SCHEDULER_H

#include "shared/settings.h"

void hathi_scheduler_start(const struct hathi_settings *settings);

#endif
