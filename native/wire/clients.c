#include "wire/clients.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * listen.allowed_clients, with the meaning of src/engine/allowed-clients.ts: addresses and CIDR ranges with blanks
 * around them; an empty list admits everybody. All addresses are kept as IPv6, IPv4 as ::ffff:a.b.c.d.
 */

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool read_address(const char *text, uint8_t *address, bool *is_ipv4)
{
	char bare[INET6_ADDRSTRLEN + 1];
	size_t length = strcspn(text, "%");
	if (length >= sizeof bare) return false;
	memcpy(bare, text, length);
	bare[length] = '\0';
	memcpy(address, mapped, sizeof mapped);
	*is_ipv4 = inet_pton(AF_INET, bare, address + sizeof mapped) == 1;
	if (*is_ipv4) return true;
	if (inet_pton(AF_INET6, bare, address) != 1) return false;
	*is_ipv4 = memcmp(address, mapped, sizeof mapped) == 0;
	return true;
}

static bool read_range(char *text, struct hathi_client_range *range)
{
	bool is_ipv4 = false;
	char *slash = strchr(text, '/');
	if (slash != NULL) *slash = '\0';
	bool is_address = read_address(text, range->address, &is_ipv4);
	uint32_t most = is_ipv4 ? 32 : 128;
	range->bits = most;
	if (slash != NULL) {
		*slash = '/';
		size_t digits = strspn(slash + 1, "0123456789");
		if (digits == 0 || digits > 3 || slash[1 + digits] != '\0') return false;
		range->bits = (uint32_t)atoi(slash + 1);
	}
	if (!is_address || range->bits > most) return false;
	if (is_ipv4) range->bits += 96;
	return true;
}

/*
 * Reads the directive; NULL admits everybody. Entries that are no address are skipped and listed in `wrong`,
 * separated by commas. Returns false when there is no memory.
 */
bool hathi_clients_read(struct hathi_clients *clients, const char *list, char *wrong, size_t size)
{
	*clients = (struct hathi_clients){.admits_all = true};
	*wrong = '\0';
	char *copy = strdup(list == NULL ? "" : list);
	if (copy == NULL) return false;
	char *state;
	for (char *entry = strtok_r(copy, ",", &state); entry != NULL; entry = strtok_r(NULL, ",", &state)) {
		entry += strspn(entry, " \t\r\n");
		size_t length = strlen(entry);
		while (length > 0 && strchr(" \t\r\n", entry[length - 1]) != NULL) entry[--length] = '\0';
		if (length == 0) continue;
		clients->admits_all = false;
		struct hathi_client_range range;
		if (!read_range(entry, &range)) {
			size_t used = strlen(wrong);
			snprintf(wrong + used, size - used, "%s%s", used == 0 ? "" : ",", entry);
			continue;
		}
		struct hathi_client_range *grown = realloc(clients->ranges, (clients->count + 1) * sizeof *grown);
		if (grown == NULL) {
			free(copy);
			return false;
		}
		clients->ranges = grown;
		clients->ranges[clients->count++] = range;
	}
	free(copy);
	return true;
}

static bool is_within(const uint8_t *address, const struct hathi_client_range *range)
{
	uint32_t bytes = range->bits / 8;
	if (memcmp(address, range->address, bytes) != 0) return false;
	uint32_t bits = range->bits % 8;
	return bits == 0 || ((address[bytes] ^ range->address[bytes]) >> (8 - bits)) == 0;
}

/* Whether the peer may connect. A peer without an IP address always may. */
bool hathi_clients_admit(const struct hathi_clients *clients, const struct sockaddr_storage *peer)
{
	if (clients->admits_all) return true;
	uint8_t address[16];
	if (peer->ss_family == AF_INET6) {
		memcpy(address, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, sizeof address);
	} else if (peer->ss_family == AF_INET) {
		memcpy(address, mapped, sizeof mapped);
		memcpy(address + sizeof mapped, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
	} else {
		return true;
	}
	for (uint32_t index = 0; index < clients->count; index++) {
		if (is_within(address, clients->ranges + index)) return true;
	}
	return false;
}

/* The peer's address as logs show it: IPv4-mapped as IPv4, empty for a Unix socket. */
void hathi_clients_name(const struct sockaddr_storage *peer, char *text, size_t size)
{
	*text = '\0';
	if (peer->ss_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, text, (socklen_t)size);
	} else if (peer->ss_family == AF_INET6) {
		const struct in6_addr *address = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(address)) inet_ntop(AF_INET, address->s6_addr + 12, text, (socklen_t)size);
		else inet_ntop(AF_INET6, address, text, (socklen_t)size);
	}
}
