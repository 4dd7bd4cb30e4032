#include "wire/fcgi.h"

/* Scans the records of a body without handing it on: before the request is served, and after it. */

/*
 * Whether the input holds the whole body of the begun request; the input is left alone. Also true when other records
 * come in between, so that waiting is of no use.
 */
bool hathi_fcgi_has_body(const struct hathi_fcgi *fcgi, const uint8_t *input, const uint8_t *end)
{
	uint64_t wanted = fcgi->content_length - fcgi->body_seen;
	size_t left = fcgi->in_record ? fcgi->content_left + (size_t)fcgi->padding_left : 0;
	if (wanted == 0 || fcgi->stdin_ended || fcgi->header_filled > 0) return true;
	if (fcgi->in_record && fcgi->use == HATHI_USE_BODY) return true;
	while ((size_t)(end - input) >= left + HATHI_HEADER_BYTES) {
		const uint8_t *header = input + left;
		size_t content = ((size_t)header[4] << 8) | header[5];
		bool is_body = header[0] == HATHI_FCGI_VERSION && header[1] == HATHI_RECORD_STDIN &&
			((header[2] << 8) | header[3]) == fcgi->id;
		if (!is_body || content == 0) return true;
		input = header + HATHI_HEADER_BYTES;
		if (content >= wanted && (size_t)(end - input) >= wanted) return true;
		if (content >= wanted) return false;
		wanted -= content;
		left = content + header[6];
	}
	return false;
}

/*
 * Skips records after the response, up to the end of STDIN. Returns true when the peer has nothing left to send for
 * its request, so a close cannot cross anything.
 */
bool hathi_fcgi_drain(struct hathi_fcgi *fcgi, const uint8_t *input, const uint8_t *end)
{
	if (fcgi->input_ended) return true;
	while (input < end && !fcgi->stdin_ended) {
		if (!fcgi->in_record) {
			fcgi->header[fcgi->header_filled++] = *input++;
			if (fcgi->header[0] != HATHI_FCGI_VERSION) return false;
			if (fcgi->header_filled < HATHI_HEADER_BYTES) continue;
			const uint8_t *bytes = fcgi->header;
			fcgi->header_filled = 0;
			fcgi->content_left = ((uint32_t)bytes[4] << 8) | bytes[5];
			fcgi->padding_left = bytes[6];
			fcgi->in_record = fcgi->content_left > 0 || fcgi->padding_left > 0;
			bool is_ours = ((bytes[2] << 8) | bytes[3]) == fcgi->id;
			if (is_ours && bytes[1] == HATHI_RECORD_STDIN && fcgi->content_left == 0) fcgi->stdin_ended = true;
			continue;
		}
		size_t left = fcgi->content_left + (size_t)fcgi->padding_left;
		size_t length = (size_t)(end - input) < left ? (size_t)(end - input) : left;
		size_t content = length < fcgi->content_left ? length : fcgi->content_left;
		input += length;
		fcgi->content_left -= (uint32_t)content;
		fcgi->padding_left -= (uint32_t)(length - content);
		fcgi->in_record = fcgi->content_left > 0 || fcgi->padding_left > 0;
	}
	return fcgi->stdin_ended && input == end;
}
