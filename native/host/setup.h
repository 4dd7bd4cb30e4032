/* A host before its first worker: settings, scoreboard, descriptors (setup.c), and its failure (fail.c). */
#ifndef HATHI_SETUP_H
#define HATHI_SETUP_H

#include "host/host.h"
#include "shared/text.h"

void hathi_host_fail(struct hathi_host *host, const char *format, ...) HATHI_PRINTF(2, 3) __attribute__((noreturn));
void hathi_host_read_settings(struct hathi_host *host);
void hathi_host_begin(struct hathi_host *host);

#endif
