/* Records on their way to one connection (output.c). */
#ifndef HATHI_OUTPUT_H
#define HATHI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/record.h"

enum { HATHI_OUTPUT_BYTES = 32 * 1024 };

struct hathi_output {
	int fd;
	uint16_t id;
	/* Position and type of the open record; 0 when there is no open record. */
	size_t record_at;
	uint8_t record_type;
	size_t length;
	/* The client is gone: further output is dropped. */
	bool failed;
	/* Set once bytes of the response have left. A signal handler reads it. */
	volatile bool begun;
	uint8_t bytes[HATHI_OUTPUT_BYTES + 64];
};

void hathi_output_start(struct hathi_output *output, int fd, uint16_t id);
bool hathi_output_write(struct hathi_output *output, enum hathi_record type, const char *bytes, size_t length);
bool hathi_output_flush(struct hathi_output *output);
bool hathi_output_end(struct hathi_output *output);

#endif
