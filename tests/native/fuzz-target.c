/*
 * Runs a fuzz target, in one of two ways:
 *
 * As a program it reads cases from stdin and prints what came of each, a line an event and `===` behind them: the tests
 * compare that with what TypeScript makes of the same. A case is 16 bytes, little-endian, and its input:
 *
 *   byte   0        1      2         4     8        12
 *          variant  ends   reserved  cut   length   reserved
 *
 * With LLVMFuzzerTestOneInput() a coverage-guided fuzzer finds the inputs. It compares pieces with the whole.
 *
 *   clang -g -O1 -D_GNU_SOURCE -DLIBFUZZER -fsanitize=fuzzer,address,undefined tests/native/fuzz-target.c \
 *     tests/native/fuzz-fcgi.c native/wire/fcgi.c native/wire/pairs.c -o fuzz-fcgi
 */
#include "fuzz-target.h"

#include <stdlib.h>
#include <string.h>

static uint32_t read_u32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

void target_print_hex(FILE *out, const void *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t index = 0; index < length; index++) {
		unsigned char byte = ((const unsigned char *)bytes)[index];
		putc(digits[byte >> 4], out);
		putc(digits[byte & 15], out);
	}
}

uint8_t *target_piece(const struct target_case *given, size_t *at, uint32_t *state, size_t *length)
{
	size_t left = given->length - *at;
	size_t size = left;
	if (left == 0) return NULL;
	if (given->cut > 0xffff) {
		*state = *state * 1664525 + 1013904223 + given->cut;
		/* Mostly small pieces, some large ones. */
		size = 1 + (*state >> 8) % (*state >> 30 == 0 ? 5000 : 24);
	} else if (given->cut > 0) {
		size = given->cut;
	}
	if (size > left) size = left;
	uint8_t *piece = malloc(size);
	if (piece == NULL) abort();
	memcpy(piece, given->bytes + *at, size);
	*at += size;
	*length = size;
	return piece;
}

#ifdef LIBFUZZER

static char *played(const struct target_case *given)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	target_play(out, given);
	fclose(out);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 5) return 0;
	struct target_case given = {.variant = data[0] & 3, .ends = (data[0] & 4) != 0, .bytes = data + 5, .length = size - 5};
	char *whole = played(&given);
	given.cut = read_u32(data + 1) | 0x10000;
	char *pieces = played(&given);
	if (strcmp(whole, pieces) != 0) {
		fprintf(stderr, "whole:\n%s\npieces:\n%s\n", whole, pieces);
		abort();
	}
	free(whole);
	free(pieces);
	return 0;
}

#else

int main(void)
{
	uint8_t head[16];
	while (fread(head, 1, sizeof head, stdin) == sizeof head) {
		size_t length = read_u32(head + 8);
		uint8_t *bytes = malloc(length + 1);
		if (bytes == NULL || fread(bytes, 1, length, stdin) != length) return 65;
		struct target_case given = {
			.variant = head[0],
			.ends = head[1] != 0,
			.cut = read_u32(head + 4),
			.bytes = bytes,
			.length = length,
		};
		target_play(stdout, &given);
		free(bytes);
		puts("===");
		/* Should the next case end the program, this tells which one it was. */
		fflush(stdout);
	}
	return 0;
}

#endif
