/* listen.allowed_clients, and the names of peers (clients.c). */
#ifndef HATHI_CLIENTS_H
#define HATHI_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct hathi_client_range {
	uint8_t address[16];
	uint32_t bits;
};

struct hathi_clients {
	struct hathi_client_range *ranges;
	uint32_t count;
	bool admits_all;
};

bool hathi_clients_read(struct hathi_clients *clients, const char *list, char *wrong, size_t size);
bool hathi_clients_admit(const struct hathi_clients *clients, const struct sockaddr_storage *peer);
void hathi_clients_name(const struct sockaddr_storage *peer, char *text, size_t size);

#endif
