/* Messages from and to the master: lines, some with a payload (docs/contract.md). */
#ifndef HATHI_CHANNEL_H
#define HATHI_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/level.h"
#include "shared/text.h"

enum {
	HATHI_CONTRACT_VERSION = 5,
	HATHI_LINE_BYTES = 4096,
	HATHI_PAYLOAD_BYTES = 1024 * 1024,
	HATHI_WORDS = 8,
	/* Bytes of log lines that wait for the next master. */
	HATHI_KEPT_BYTES = 64 * 1024,
};

struct hathi_message {
	const char *words[HATHI_WORDS];
	int word_count;
	bool has_payload;
	const uint8_t *payload;
	size_t payload_length;
};

struct hathi_channel {
	/* -1 without a master: log lines are kept for the next one, everything else is dropped. */
	int fd;
	uint8_t *kept;
	size_t kept_length;
	/* Log lines that were too many. */
	uint64_t dropped;
	uint8_t *bytes;
	size_t length;
	size_t capacity;
	size_t consumed;
	char line[HATHI_LINE_BYTES + 1];
};

bool hathi_channel_fill(struct hathi_channel *channel, bool wait);
bool hathi_message_is(const struct hathi_message *message, int index, const char *word);
int hathi_channel_next(struct hathi_channel *channel, struct hathi_message *message);
bool hathi_channel_say(struct hathi_channel *channel, const void *payload, size_t length, const char *format, ...)
	HATHI_PRINTF(4, 5);
bool hathi_channel_word(struct hathi_channel *channel, const char *format, ...) HATHI_PRINTF(2, 3);
void hathi_channel_tell_kept(struct hathi_channel *channel);
void hathi_channel_log(struct hathi_channel *channel, enum hathi_level level, const char *format, ...)
	HATHI_PRINTF(3, 4);

#endif
