/*
 * Runs the FastCGI parser of the native engine on one input and prints what it made of it, an event a line, in the
 * words of tests/fastcgi/scripted-application.ts.
 *
 *   parser-program APPLICATION CHUNK ENDS < input     APPLICATION: 0 reads and ends, 1 reads without ending,
 *                                                     2 ends without reading, 3 never reads nor ends
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../native/fcgi.h"

enum { READS_AND_ENDS, READS, ENDS, NOTHING };

static void print_hex(const void *bytes, size_t length)
{
	for (size_t index = 0; index < length; index++) printf("%02x", ((const unsigned char *)bytes)[index]);
}

static void print_request(const struct hathi_fcgi *fcgi)
{
	printf("request %u %u %d %llu", fcgi->id, fcgi->role, fcgi->keep, (unsigned long long)fcgi->content_length);
	for (uint32_t index = 0; index < fcgi->params_count; index++) {
		const struct hathi_pair *pair = fcgi->params + index;
		printf(" ");
		print_hex(pair->name, pair->name_length);
		printf("=");
		print_hex(pair->value, pair->value_length);
		if (pair->name[pair->name_length] != '\0' || pair->value[pair->value_length] != '\0') abort();
	}
	printf("\n");
}

/* Works off the input; stops where the application would hold it. */
static void run(struct hathi_fcgi *fcgi, int application, const uint8_t *input, size_t length)
{
	const uint8_t *end = input + length;
	for (;;) {
		if (application == NOTHING && fcgi->phase == HATHI_FCGI_RUNNING) return;
		switch (hathi_fcgi_next(fcgi, &input, end)) {
		case HATHI_FCGI_NEED_INPUT:
			return;
		case HATHI_FCGI_STARTED:
			puts("start");
			break;
		case HATHI_FCGI_ABANDONED:
			puts("abandoned");
			break;
		case HATHI_FCGI_REQUEST:
			print_request(fcgi);
			if (application == ENDS) hathi_fcgi_finish(fcgi, true);
			break;
		case HATHI_FCGI_BODY:
			printf("body ");
			print_hex(fcgi->body, fcgi->body_length);
			printf("\n");
			break;
		case HATHI_FCGI_BODY_END:
			printf("bodyEnd %d\n", fcgi->body_complete);
			if (application == READS_AND_ENDS) hathi_fcgi_finish(fcgi, true);
			break;
		case HATHI_FCGI_ABORTED:
			puts("aborted");
			hathi_fcgi_finish(fcgi, true);
			break;
		case HATHI_FCGI_REPLY:
			printf("reply ");
			print_hex(fcgi->reply, fcgi->reply_length);
			printf("\n");
			break;
		case HATHI_FCGI_FAILED:
			printf("failed %s\n", fcgi->error);
			break;
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 4) return 64;
	int application = atoi(argv[1]);
	size_t chunk = (size_t)atol(argv[2]);
	static const char *const phases[] = {"idle", "begin", "params", "running", "closed"};
	struct hathi_fcgi fcgi;
	hathi_fcgi_init(&fcgi, 7, 9);
	for (;;) {
		/* A chunk of its own allocation: reading beyond it is seen by the address sanitizer. */
		uint8_t *bytes = malloc(chunk);
		if (bytes == NULL) return 71;
		size_t length = fread(bytes, 1, chunk, stdin);
		if (length == 0) {
			free(bytes);
			break;
		}
		uint8_t *exact = realloc(bytes, length);
		run(&fcgi, application, exact, length);
		free(exact);
	}
	if (atoi(argv[3]) == 1) hathi_fcgi_end_input(&fcgi);
	run(&fcgi, application, NULL, 0);
	printf("final %s\n", phases[fcgi.phase]);
	hathi_fcgi_free(&fcgi);
	return 0;
}
