/* The backlog of a listening socket (listen_queue.c). */
#ifndef HATHI_LISTEN_QUEUE_H
#define HATHI_LISTEN_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

bool hathi_listen_queue(int socket, bool is_tcp, uint32_t *length, uint32_t *limit);

#endif
