/* hathi audit: what requests leave behind in a booted application, told to the command (audit.c). */
#ifndef HATHI_AUDIT_H
#define HATHI_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/worker.h"

void hathi_audit_start(const struct hathi_worker *worker);
void hathi_audit_rest(uint64_t served, bool is_ended);
void hathi_audit_handling(void);
void hathi_audit_handled(bool has_exited);

#endif
