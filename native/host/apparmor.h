/* AppArmor's hats (apparmor.c). */
#ifndef HATHI_APPARMOR_H
#define HATHI_APPARMOR_H

#include <stdbool.h>
#include <stddef.h>

bool hathi_apparmor_enter(int proc_fd, const char *hat, char *error, size_t size);

#endif
