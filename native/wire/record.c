#include "wire/record.h"

#include <string.h>

/* Writes a record header; the caller adds content and padding. */
void hathi_record_header(uint8_t *target, uint8_t type, uint16_t id, size_t length, size_t padding)
{
	target[0] = HATHI_FCGI_VERSION;
	target[1] = type;
	target[2] = (uint8_t)(id >> 8);
	target[3] = (uint8_t)id;
	target[4] = (uint8_t)(length >> 8);
	target[5] = (uint8_t)length;
	target[6] = (uint8_t)padding;
	target[7] = 0;
}

/* Writes a whole END_REQUEST record with application status 0. Returns its length, 16 bytes. */
size_t hathi_record_end(uint8_t *target, uint16_t id, enum hathi_protocol_status status)
{
	hathi_record_header(target, HATHI_RECORD_END, id, 8, 0);
	memset(target + HATHI_HEADER_BYTES, 0, 8);
	target[HATHI_HEADER_BYTES + 4] = (uint8_t)status;
	return HATHI_HEADER_BYTES + 8;
}
