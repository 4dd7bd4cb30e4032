#include "wire/output.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/*
 * Records gather in one buffer, in the order of their writes, and leave with one write: a response that fits takes
 * one system call with its END_REQUEST. Larger pieces are sent from the caller's memory.
 */

/* Largest content of a record that needs no padding. */
static const size_t record_most = 65528;

/* 1 MB in one system call. */
enum { RECORDS_AT_ONCE = 16 };

/* Starts the output of a request. */
void hathi_output_start(struct hathi_output *output, int fd, uint16_t id)
{
	output->fd = fd;
	output->id = id;
	output->record_type = 0;
	output->length = 0;
	output->failed = false;
	output->begun = false;
}

static size_t padding_of(size_t length)
{
	return (8 - length % 8) % 8;
}

/* Completes the open record, whose length is known only now, and closes it. */
static void close_record(struct hathi_output *output)
{
	if (output->record_type == 0) return;
	size_t length = output->length - output->record_at - HATHI_HEADER_BYTES;
	size_t padding = padding_of(length);
	hathi_record_header(output->bytes + output->record_at, output->record_type, output->id, length, padding);
	memset(output->bytes + output->length, 0, padding);
	output->length += padding;
	output->record_type = 0;
}

/* Sends parts in full. Returns false when the client is gone. */
static bool send_parts(struct hathi_output *output, struct iovec *parts, size_t count)
{
	output->begun = true;
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
	while (message.msg_iovlen > 0) {
		ssize_t sent = sendmsg(output->fd, &message, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR) continue;
		if (sent < 0) {
			output->failed = true;
			return false;
		}
		while (message.msg_iovlen > 0 && (size_t)sent >= message.msg_iov->iov_len) {
			sent -= (ssize_t)message.msg_iov->iov_len;
			message.msg_iov++;
			message.msg_iovlen--;
		}
		if (message.msg_iovlen == 0) break;
		message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
		message.msg_iov->iov_len -= (size_t)sent;
	}
	return true;
}

/* Sends the gathered records. Returns false when the client is gone. */
bool hathi_output_flush(struct hathi_output *output)
{
	close_record(output);
	if (output->failed) {
		output->length = 0;
		return false;
	}
	if (output->length == 0) return true;
	struct iovec part = {.iov_base = output->bytes, .iov_len = output->length};
	output->length = 0;
	return send_parts(output, &part, 1);
}

/*
 * Sends records straight from the caller's memory behind the gathered ones, as many as one system call takes. Returns
 * how many bytes they hold; 0 when the client is gone.
 */
static size_t send_direct(struct hathi_output *output, enum hathi_record type, const char *bytes, size_t length)
{
	static const uint8_t zeros[8];
	uint8_t headers[RECORDS_AT_ONCE][HATHI_HEADER_BYTES];
	struct iovec parts[1 + 3 * RECORDS_AT_ONCE];
	size_t count = 0;
	size_t taken = 0;
	close_record(output);
	parts[count++] = (struct iovec){.iov_base = output->bytes, .iov_len = output->length};
	for (size_t record = 0; record < RECORDS_AT_ONCE && taken < length; record++) {
		size_t piece = length - taken < record_most ? length - taken : record_most;
		size_t padding = padding_of(piece);
		hathi_record_header(headers[record], (uint8_t)type, output->id, piece, padding);
		parts[count++] = (struct iovec){.iov_base = headers[record], .iov_len = HATHI_HEADER_BYTES};
		parts[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)(bytes + taken), .iov_len = piece};
		if (padding > 0) parts[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)zeros, .iov_len = padding};
		taken += piece;
	}
	output->length = 0;
	return send_parts(output, parts, count) ? taken : 0;
}

/* Adds bytes to a stream of the response. Returns false when the client is gone. */
bool hathi_output_write(struct hathi_output *output, enum hathi_record type, const char *bytes, size_t length)
{
	if (output->failed) return false;
	if (length == 0) return true;
	if (output->record_type != type) close_record(output);
	/* Room for a header, padding, and the END_REQUEST that comes last. */
	size_t room = sizeof output->bytes - 64;
	size_t needed = length + (output->record_type == 0 ? HATHI_HEADER_BYTES : 0);
	if (output->length + needed <= room) {
		if (output->record_type == 0) {
			output->record_at = output->length;
			output->record_type = (uint8_t)type;
			output->length += HATHI_HEADER_BYTES;
		}
		memcpy(output->bytes + output->length, bytes, length);
		output->length += length;
		return true;
	}
	while (length > room) {
		size_t sent = send_direct(output, type, bytes, length);
		if (sent == 0) return false;
		bytes += sent;
		length -= sent;
	}
	if (length == 0) return true;
	return hathi_output_flush(output) && hathi_output_write(output, type, bytes, length);
}

/* Ends the response and sends it. Returns false when the client is gone. */
bool hathi_output_end(struct hathi_output *output)
{
	close_record(output);
	output->length += hathi_record_end(output->bytes + output->length, output->id, HATHI_STATUS_COMPLETE);
	return hathi_output_flush(output);
}
