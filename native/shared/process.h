/* The process: its exit code, and the title that ps(1) shows (title.c). */
#ifndef HATHI_PROCESS_H
#define HATHI_PROCESS_H

#include <stdbool.h>

enum { HATHI_EXIT_FAILED = 70 };

void hathi_title_init(const char *name, int argc, char **argv, char **environment);
void hathi_title_set(const char *title);
bool hathi_title_keep_environment(void);

#endif
