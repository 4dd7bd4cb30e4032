/* Connections that wait while no worker accepts them (listener.c). */
#ifndef HATHI_LISTENER_H
#define HATHI_LISTENER_H

#include <stdbool.h>

#include "host/host.h"

void hathi_listener_watch(struct hathi_host *host, bool on);
bool hathi_listener_on_connection(struct hathi_host *host);

#endif
