/* Name-value pairs (FastCGI Specification 1.0, section 3.4). */
#ifndef HATHI_PAIRS_H
#define HATHI_PAIRS_H

#include <stddef.h>
#include <stdint.h>

/* Name and value, each with a NUL behind it that its length does not count. */
struct hathi_pair {
	char *name;
	char *value;
	uint32_t name_length;
	uint32_t value_length;
};

/* A stream of name-value pairs that arrives in pieces. */
struct hathi_pairs {
	uint8_t *bytes;
	size_t length;
	size_t capacity;
	/* Start of the first pair whose lengths were not read yet; may lie behind `length`. */
	size_t scanned;
	size_t limit;
	uint32_t count;
	uint32_t count_limit;
};

void hathi_pairs_reset(struct hathi_pairs *pairs, size_t limit, uint32_t count_limit);
const char *hathi_pairs_push(struct hathi_pairs *pairs, const uint8_t *bytes, size_t length);
const char *hathi_pairs_take(struct hathi_pairs *pairs, struct hathi_pair **list, uint32_t *count);
void hathi_pairs_free(struct hathi_pairs *pairs);

#endif
