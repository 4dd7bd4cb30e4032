/* Chroot, user, groups and hat of a pool (rights.c). */
#ifndef HATHI_RIGHTS_H
#define HATHI_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "host/host.h"

bool hathi_rights_give_up(struct hathi_host *host, char *error, size_t size);

#endif
