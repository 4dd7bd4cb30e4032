/*
 * Records of FastCGI (record.c).
 *
 *   byte   0        1      2 3   4 5              6               7
 *          version  type   id    content length   padding length  reserved
 */
#ifndef HATHI_RECORD_H
#define HATHI_RECORD_H

#include <stddef.h>
#include <stdint.h>

enum { HATHI_FCGI_VERSION = 1, HATHI_HEADER_BYTES = 8 };

enum hathi_record {
	HATHI_RECORD_BEGIN = 1,
	HATHI_RECORD_ABORT = 2,
	HATHI_RECORD_END = 3,
	HATHI_RECORD_PARAMS = 4,
	HATHI_RECORD_STDIN = 5,
	HATHI_RECORD_STDOUT = 6,
	HATHI_RECORD_STDERR = 7,
	HATHI_RECORD_DATA = 8,
	HATHI_RECORD_GET_VALUES = 9,
	HATHI_RECORD_GET_VALUES_RESULT = 10,
	HATHI_RECORD_UNKNOWN_TYPE = 11,
};

enum hathi_protocol_status {
	HATHI_STATUS_COMPLETE = 0,
	HATHI_STATUS_CANT_MULTIPLEX = 1,
	HATHI_STATUS_OVERLOADED = 2,
	HATHI_STATUS_UNKNOWN_ROLE = 3,
};

void hathi_record_header(uint8_t *target, uint8_t type, uint16_t id, size_t length, size_t padding);
size_t hathi_record_end(uint8_t *target, uint16_t id, enum hathi_protocol_status status);

#endif
