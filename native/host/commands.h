/* The master's commands (commands.c). */
#ifndef HATHI_COMMANDS_H
#define HATHI_COMMANDS_H

#include "host/host.h"

void hathi_commands_obey(struct hathi_host *host);

#endif
