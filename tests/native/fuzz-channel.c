/* Fuzz target: the messages that the master sends a host, as the host reads them. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../native/host/channel.h"
#include "fuzz-target.h"

/* Prints the messages that are complete. Returns false when what came is none. */
static bool take_messages(FILE *out, struct hathi_channel *channel)
{
	struct hathi_message message;
	int got;
	while ((got = hathi_channel_next(channel, &message)) > 0) {
		fprintf(out, "message");
		for (int index = 0; index < message.word_count; index++) {
			fprintf(out, " ");
			target_print_hex(out, message.words[index], strlen(message.words[index]));
		}
		if (message.has_payload) {
			fprintf(out, " #");
			target_print_hex(out, message.payload, message.payload_length);
		}
		fprintf(out, "\n");
	}
	if (got < 0) fprintf(out, "bad\n");
	return got == 0;
}

void target_play(FILE *out, const struct target_case *given)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) abort();
	struct hathi_channel channel = {.fd = ends[0]};
	size_t at = 0;
	size_t length;
	uint32_t state = given->cut;
	bool is_good = true;
	for (uint8_t *piece; (piece = target_piece(given, &at, &state, &length)) != NULL; free(piece)) {
		for (size_t sent = 0; is_good && sent < length;) {
			/* What a socket takes at once. */
			size_t part = length - sent < 60000 ? length - sent : 60000;
			if (send(ends[1], piece + sent, part, 0) != (ssize_t)part) abort();
			sent += part;
			/* A call reads what there is room for. */
			for (bool reads = true; is_good && reads;) {
				size_t kept = channel.length - channel.consumed;
				if (!hathi_channel_fill(&channel, false)) abort();
				reads = channel.length > kept;
				is_good = take_messages(out, &channel);
			}
		}
	}
	close(ends[1]);
	/* Rest of a message that was not all there. */
	if (is_good && hathi_channel_fill(&channel, false)) abort();
	if (channel.capacity > 4 * (HATHI_PAYLOAD_BYTES + HATHI_LINE_BYTES)) abort();
	close(ends[0]);
	free(channel.bytes);
}
