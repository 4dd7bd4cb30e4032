/* What a fuzz target has to give (fuzz-fcgi.c, fuzz-channel.c, fuzz-relay.c), and what fuzz-target.c makes of it. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct target_case {
	/* A variant of the target, 0 to 3. */
	unsigned variant;
	/* The peer sends nothing more after it. */
	bool ends;
	/* 0 feeds the input in one piece, up to 65535 in pieces of so many bytes, else it is the seed of random ones. */
	uint32_t cut;
	const uint8_t *bytes;
	size_t length;
};

/* Implemented by the target: plays the case and prints what came of it, the same however it is cut. */
void target_play(FILE *out, const struct target_case *given);

/*
 * The next piece of the input, in an allocation of just its size: reading beyond it is seen by the address sanitizer.
 * Returns NULL at the end; the caller frees it.
 */
uint8_t *target_piece(const struct target_case *given, size_t *at, uint32_t *state, size_t *length);
void target_print_hex(FILE *out, const void *bytes, size_t length);

#endif
