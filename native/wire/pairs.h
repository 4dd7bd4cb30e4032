/* Name-value pairs (FastCGI Specification 1.0, section 3.4). */
#ifndef HATHI_PAIRS_H
#define HATHI_PAIRS_H

#include "wire/fcgi.h"

void hathi_pairs_reset(struct hathi_pairs *pairs, size_t limit, uint32_t count_limit);
const char *hathi_pairs_push(struct hathi_pairs *pairs, const uint8_t *bytes, size_t length);
const char *hathi_pairs_take(struct hathi_pairs *pairs, struct hathi_pair **list, uint32_t *count);
void hathi_pairs_free(struct hathi_pairs *pairs);

#endif
