#include "wire/pairs.h"

#include <stdlib.h>
#include <string.h>

/*
 *   0nnnnnnn                              or    1nnnnnnn nnnnnnnn nnnnnnnn nnnnnnnn
 *
 * twice, for name and value, and then both. The stream is kept as it came; once it is complete the pairs are moved
 * in place, which makes room for the NUL that PHP wants behind every string: two lengths have at least two bytes.
 */

/* Makes the stream empty; what it had allocated is used again. */
void hathi_pairs_reset(struct hathi_pairs *pairs, size_t limit, uint32_t count_limit)
{
	pairs->length = 0;
	pairs->scanned = 0;
	pairs->count = 0;
	pairs->limit = limit;
	pairs->count_limit = count_limit;
}

void hathi_pairs_free(struct hathi_pairs *pairs)
{
	free(pairs->bytes);
	*pairs = (struct hathi_pairs){0};
}

/* Reads a length at `at`. Returns the bytes that it takes, 0 when they are not all there. */
static size_t read_length(const struct hathi_pairs *pairs, size_t at, uint32_t *value)
{
	if (at >= pairs->length) return 0;
	const uint8_t *byte = pairs->bytes + at;
	if (byte[0] < 0x80) {
		*value = byte[0];
		return 1;
	}
	if (pairs->length - at < 4) return 0;
	*value = ((uint32_t)(byte[0] & 0x7f) << 24) | ((uint32_t)byte[1] << 16) | ((uint32_t)byte[2] << 8) | byte[3];
	return 4;
}

/* Both lengths of the pair at `at`. Returns the bytes that they take, 0 when they are not all there. */
static size_t read_lengths(const struct hathi_pairs *pairs, size_t at, uint32_t *name, uint32_t *value)
{
	size_t first = read_length(pairs, at, name);
	if (first == 0) return 0;
	size_t second = read_length(pairs, at + first, value);
	return second == 0 ? 0 : first + second;
}

/* Checks the pairs with known lengths against the limits before more of them is kept. */
static const char *scan(struct hathi_pairs *pairs)
{
	while (pairs->scanned < pairs->length) {
		uint32_t name;
		uint32_t value;
		size_t lengths = read_lengths(pairs, pairs->scanned, &name, &value);
		if (lengths == 0) return NULL;
		/* Cannot overflow: scanned is at most the limit here, the lengths have 31 bits. */
		uint64_t next = (uint64_t)pairs->scanned + lengths + name + value;
		if (next > pairs->limit) return "params-too-large";
		if (pairs->count == pairs->count_limit) return "too-many-params";
		pairs->count++;
		pairs->scanned = (size_t)next;
	}
	return NULL;
}

/*
 * Adds a piece of the stream. Returns NULL, or the code of the error that ends it. The caller sees to it that the
 * pieces together do not exceed the limit.
 */
const char *hathi_pairs_push(struct hathi_pairs *pairs, const uint8_t *bytes, size_t length)
{
	if (length > pairs->limit - pairs->length) return "params-too-large";
	if (pairs->length + length > pairs->capacity) {
		size_t wanted = pairs->capacity == 0 ? 4096 : pairs->capacity;
		while (wanted < pairs->length + length) wanted *= 2;
		uint8_t *grown = realloc(pairs->bytes, wanted);
		if (grown == NULL) return "no-memory";
		pairs->bytes = grown;
		pairs->capacity = wanted;
	}
	if (length > 0) memcpy(pairs->bytes + pairs->length, bytes, length);
	pairs->length += length;
	return scan(pairs);
}

/*
 * The stream is over: makes the list of its pairs, which live as long as the stream's bytes. `list` is allocated
 * and the caller's. Returns NULL, or the code of the error.
 */
const char *hathi_pairs_take(struct hathi_pairs *pairs, struct hathi_pair **list, uint32_t *count)
{
	*list = NULL;
	*count = 0;
	if (pairs->scanned != pairs->length) return "truncated-pair";
	if (pairs->count == 0) return NULL;
	*list = malloc(pairs->count * sizeof **list);
	if (*list == NULL) return "no-memory";
	size_t at = 0;
	for (uint32_t index = 0; index < pairs->count; index++) {
		struct hathi_pair *pair = *list + index;
		size_t lengths = read_lengths(pairs, at, &pair->name_length, &pair->value_length);
		char *name = (char *)pairs->bytes + at;
		char *value = name + pair->name_length + 1;
		memmove(name, name + lengths, pair->name_length);
		memmove(value, name + lengths + pair->name_length, pair->value_length);
		name[pair->name_length] = '\0';
		value[pair->value_length] = '\0';
		pair->name = name;
		pair->value = value;
		at += lengths + pair->name_length + pair->value_length;
	}
	*count = pairs->count;
	return NULL;
}
