/*
 * Fuzz target: the FastCGI parser. It prints in the words of tests/fastcgi/scripted-application.ts; the variant is the
 * application that takes the requests.
 */
#include <stdlib.h>
#include <string.h>

#include "../../native/wire/fcgi.h"
#include "fuzz-target.h"

enum application { READS_AND_ENDS, READS, ENDS, NOTHING };

struct play {
	FILE *out;
	enum application application;
	struct hathi_fcgi fcgi;
	/* Pieces of a body are printed as one. */
	bool in_body;
};

static void print_request(FILE *out, const struct hathi_fcgi *fcgi)
{
	fprintf(out, "request %u %u %d %llu", fcgi->id, fcgi->role, fcgi->keep, (unsigned long long)fcgi->content_length);
	for (uint32_t index = 0; index < fcgi->params_count; index++) {
		const struct hathi_pair *pair = fcgi->params + index;
		fprintf(out, " ");
		target_print_hex(out, pair->name, pair->name_length);
		fprintf(out, "=");
		target_print_hex(out, pair->value, pair->value_length);
		if (pair->name[pair->name_length] != '\0' || pair->value[pair->value_length] != '\0') abort();
	}
	fprintf(out, "\n");
}

static void print_body(struct play *play)
{
	if (play->fcgi.body_length == 0) abort();
	if (!play->in_body) fprintf(play->out, "body ");
	play->in_body = true;
	target_print_hex(play->out, play->fcgi.body, play->fcgi.body_length);
}

static void end_line(struct play *play)
{
	if (play->in_body) fprintf(play->out, "\n");
	play->in_body = false;
}

/* What the worker asks beside the events; the answers depend on how the input is cut. */
static void look_ahead(const struct play *play, const uint8_t *input, const uint8_t *end)
{
	hathi_fcgi_has_body(&play->fcgi, input, end);
	struct hathi_fcgi copy = play->fcgi;
	hathi_fcgi_drain(&copy, input, end);
}

/* Works off the input; stops where the application would hold it. */
static void run(struct play *play, const uint8_t *input, size_t length)
{
	struct hathi_fcgi *fcgi = &play->fcgi;
	const uint8_t *end = input + length;
	for (;;) {
		if (play->application == NOTHING && fcgi->phase == HATHI_FCGI_RUNNING) return;
		enum hathi_fcgi_event event = hathi_fcgi_next(fcgi, &input, end);
		if (input > end) abort();
		if (event != HATHI_FCGI_BODY && event != HATHI_FCGI_NEED_INPUT) end_line(play);
		switch (event) {
		case HATHI_FCGI_NEED_INPUT:
			return;
		case HATHI_FCGI_STARTED:
			fputs("start\n", play->out);
			break;
		case HATHI_FCGI_ABANDONED:
			fputs("abandoned\n", play->out);
			break;
		case HATHI_FCGI_REQUEST:
			print_request(play->out, fcgi);
			look_ahead(play, input, end);
			if (play->application == ENDS) hathi_fcgi_finish(fcgi, true);
			break;
		case HATHI_FCGI_BODY:
			print_body(play);
			break;
		case HATHI_FCGI_BODY_END:
			fprintf(play->out, "bodyEnd %d\n", fcgi->body_complete);
			look_ahead(play, input, end);
			if (play->application == READS_AND_ENDS) hathi_fcgi_finish(fcgi, true);
			break;
		case HATHI_FCGI_ABORTED:
			fputs("aborted\n", play->out);
			hathi_fcgi_finish(fcgi, true);
			break;
		case HATHI_FCGI_REPLY:
			fputs("reply ", play->out);
			if (fcgi->reply_length > sizeof fcgi->reply) abort();
			target_print_hex(play->out, fcgi->reply, fcgi->reply_length);
			fputs("\n", play->out);
			break;
		case HATHI_FCGI_FAILED:
			fprintf(play->out, "failed %s\n", fcgi->error);
			break;
		}
	}
}

void target_play(FILE *out, const struct target_case *given)
{
	static const char *const phases[] = {"idle", "begin", "params", "running", "closed"};
	struct play play = {.out = out, .application = given->variant};
	hathi_fcgi_init(&play.fcgi, 7, 9);
	size_t at = 0;
	size_t length;
	uint32_t state = given->cut;
	for (uint8_t *piece; (piece = target_piece(given, &at, &state, &length)) != NULL; free(piece)) run(&play, piece, length);
	if (given->ends) hathi_fcgi_end_input(&play.fcgi);
	const uint8_t none[1] = {0};
	run(&play, none, 0);
	end_line(&play);
	fprintf(out, "final %s\n", phases[play.fcgi.phase]);
	hathi_fcgi_free(&play.fcgi);
}
