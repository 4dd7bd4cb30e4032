/* The directives rlimit_files and rlimit_core (limits.c). */
#ifndef HATHI_LIMITS_H
#define HATHI_LIMITS_H

#include "shared/notes.h"
#include "shared/settings.h"

void hathi_limits_allow(const struct hathi_settings *settings);
void hathi_limits_set(const struct hathi_settings *settings, const char *pool, struct hathi_notes *notes);

#endif
