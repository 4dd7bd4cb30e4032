#include "host/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Reads from the channel, waiting for input if `wait` is set. Returns false when the channel has ended; true without
 * anything read when nothing is there.
 */
bool hathi_channel_fill(struct hathi_channel *channel, bool wait)
{
	if (channel->consumed > 0) {
		memmove(channel->bytes, channel->bytes + channel->consumed, channel->length - channel->consumed);
		channel->length -= channel->consumed;
		channel->consumed = 0;
	}
	if (channel->capacity - channel->length < HATHI_LINE_BYTES) {
		size_t wanted = channel->capacity == 0 ? 4 * HATHI_LINE_BYTES : channel->capacity * 2;
		uint8_t *grown = realloc(channel->bytes, wanted);
		if (grown == NULL) return false;
		channel->bytes = grown;
		channel->capacity = wanted;
	}
	for (;;) {
		ssize_t got = recv(channel->fd, channel->bytes + channel->length, channel->capacity - channel->length,
			wait ? 0 : MSG_DONTWAIT);
		if (got > 0) {
			channel->length += (size_t)got;
			return true;
		}
		if (got == 0) return false;
		if (errno == EINTR) continue;
		return errno == EAGAIN;
	}
}

/* Splits a line at its blanks. Returns the number of words; -1 when there are too many or one is empty. */
static int split(char *line, const char **words)
{
	int count = 0;
	for (char *word = line;; word = strchr(word, ' ') + 1) {
		if (count == HATHI_WORDS || *word == ' ' || *word == '\0') return -1;
		words[count++] = word;
		if (strchr(word, ' ') == NULL) break;
	}
	for (int index = 1; index < count; index++) line[words[index] - line - 1] = '\0';
	return count;
}

/* Reads a `#N` word. Returns false when it is malformed or N is over the limit. */
static bool read_length(const char *word, size_t *length)
{
	size_t digits = strspn(word + 1, "0123456789");
	if (digits == 0 || digits > 7 || word[1 + digits] != '\0') return false;
	*length = strtoul(word + 1, NULL, 10);
	return *length <= HATHI_PAYLOAD_BYTES;
}

/*
 * Takes the next complete message, which is valid until the next call or fill. Returns 1; 0 when more input is
 * needed; -1 when the input is no message.
 */
int hathi_channel_next(struct hathi_channel *channel, struct hathi_message *message)
{
	const uint8_t *start = channel->bytes + channel->consumed;
	size_t available = channel->length - channel->consumed;
	const uint8_t *newline = available == 0 ? NULL : memchr(start, '\n', available);
	if (newline == NULL) return available > HATHI_LINE_BYTES ? -1 : 0;
	size_t line_length = (size_t)(newline - start);
	if (line_length > HATHI_LINE_BYTES || memchr(start, '\0', line_length) != NULL) return -1;
	memcpy(channel->line, start, line_length);
	channel->line[line_length] = '\0';
	*message = (struct hathi_message){0};
	message->word_count = split(channel->line, message->words);
	if (message->word_count < 1) return -1;
	const char *last = message->words[message->word_count - 1];
	if (*last != '#') {
		channel->consumed += line_length + 1;
		return 1;
	}
	if (!read_length(last, &message->payload_length)) return -1;
	if (available - line_length - 1 < message->payload_length) return 0;
	message->word_count--;
	message->has_payload = true;
	message->payload = newline + 1;
	channel->consumed += line_length + 1 + message->payload_length;
	return message->word_count < 1 ? -1 : 1;
}

/* Whether the message has that word at that place. */
bool hathi_message_is(const struct hathi_message *message, int index, const char *word)
{
	return index < message->word_count && strcmp(message->words[index], word) == 0;
}

/* Sends bytes in full, waiting for a slow peer. Returns false when it is gone. */
static bool send_all(int fd, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	while (length > 0) {
		ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
		if (sent >= 0) {
			at += sent;
			length -= (size_t)sent;
		} else if (errno == EAGAIN) {
			struct pollfd wait = {.fd = fd, .events = POLLOUT};
			poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

static bool say_line(struct hathi_channel *channel, const char *suffix, const char *format, va_list arguments)
{
	char line[HATHI_LINE_BYTES + 32];
	int length = vsnprintf(line, HATHI_LINE_BYTES, format, arguments);
	if (length < 0 || length >= HATHI_LINE_BYTES) return false;
	length += snprintf(line + length, 32, "%s\n", suffix);
	return send_all(channel->fd, line, (size_t)length);
}

/* Sends a message with a payload. Returns false when the master is gone. */
bool hathi_channel_say(struct hathi_channel *channel, const void *payload, size_t length, const char *format, ...)
{
	char suffix[24];
	if (channel->fd < 0) return false;
	snprintf(suffix, sizeof suffix, " #%zu", length);
	va_list arguments;
	va_start(arguments, format);
	bool sent = say_line(channel, suffix, format, arguments);
	va_end(arguments);
	return sent && send_all(channel->fd, payload, length);
}

/* Keeps a log line for the next master. */
static void keep(struct hathi_channel *channel, enum hathi_level level, const char *text, size_t length)
{
	char line[64];
	size_t line_length = (size_t)snprintf(line, sizeof line, "log %s #%zu\n", hathi_level_name(level), length);
	if (channel->kept == NULL) channel->kept = malloc(HATHI_KEPT_BYTES);
	if (channel->kept == NULL || channel->kept_length + line_length + length > HATHI_KEPT_BYTES) {
		channel->dropped++;
		return;
	}
	memcpy(channel->kept + channel->kept_length, line, line_length);
	memcpy(channel->kept + channel->kept_length + line_length, text, length);
	channel->kept_length += line_length + length;
}

/* Sends what was kept while there was no master, and how much was not. */
void hathi_channel_tell_kept(struct hathi_channel *channel)
{
	if (channel->kept != NULL) send_all(channel->fd, channel->kept, channel->kept_length);
	free(channel->kept);
	channel->kept = NULL;
	channel->kept_length = 0;
	if (channel->dropped > 0)
		hathi_channel_log(channel, HATHI_WARNING, "%llu further lines were dropped while there was no master",
			(unsigned long long)channel->dropped);
	channel->dropped = 0;
}

/* Sends a message without a payload. */
bool hathi_channel_word(struct hathi_channel *channel, const char *format, ...)
{
	if (channel->fd < 0) return false;
	va_list arguments;
	va_start(arguments, format);
	bool sent = say_line(channel, "", format, arguments);
	va_end(arguments);
	return sent;
}

/* Sends a line for the error log. */
void hathi_channel_log(struct hathi_channel *channel, enum hathi_level level, const char *format, ...)
{
	char text[2048];
	va_list arguments;
	va_start(arguments, format);
	size_t length = hathi_format(text, sizeof text, format, arguments);
	va_end(arguments);
	if (channel->fd < 0) keep(channel, level, text, length);
	else hathi_channel_say(channel, text, length, "log %s", hathi_level_name(level));
}
