#include "wire/fcgi.h"

#include <stdlib.h>
#include <string.h>

#include "wire/management.h"

enum {
	ROLE_FIRST = 1,
	ROLE_FILTER = 3,
};

/* Larger values of CONTENT_LENGTH count as this one, as in TypeScript: 2^53 - 1. */
static const uint64_t content_length_most = 9007199254740991ULL;

void hathi_fcgi_init(struct hathi_fcgi *fcgi, uint32_t max_connections, uint32_t max_requests)
{
	*fcgi = (struct hathi_fcgi){.max_connections = max_connections, .max_requests = max_requests};
}

/* Frees the connection's parameters. */
void hathi_fcgi_free(struct hathi_fcgi *fcgi)
{
	hathi_pairs_free(&fcgi->stream);
	hathi_pairs_free(&fcgi->values);
	free(fcgi->params);
	fcgi->params = NULL;
}

static enum hathi_fcgi_event fail(struct hathi_fcgi *fcgi, const char *code)
{
	fcgi->phase = HATHI_FCGI_CLOSED;
	fcgi->error = code;
	return HATHI_FCGI_FAILED;
}

static enum hathi_fcgi_event reply_end(struct hathi_fcgi *fcgi, uint16_t id, enum hathi_protocol_status status,
	bool closes)
{
	fcgi->reply_length = hathi_record_end(fcgi->reply, id, status);
	fcgi->reply_closes = closes;
	if (closes) fcgi->phase = HATHI_FCGI_CLOSED;
	return HATHI_FCGI_REPLY;
}

static int find_refused(const struct hathi_fcgi *fcgi, uint16_t id)
{
	for (uint32_t index = 0; index < fcgi->refused_count; index++) {
		if (fcgi->refused[index] == id) return (int)index;
	}
	return -1;
}

static void forget_refused(struct hathi_fcgi *fcgi, uint16_t id)
{
	int index = find_refused(fcgi, id);
	if (index >= 0) fcgi->refused[index] = fcgi->refused[--fcgi->refused_count];
}

/* Remembers a refused id. Returns false when the peer has exceeded its allowance. */
static bool add_refused(struct hathi_fcgi *fcgi, uint16_t id)
{
	if (find_refused(fcgi, id) >= 0) return true;
	if (fcgi->refused_count == HATHI_REFUSED_MOST) return false;
	fcgi->refused[fcgi->refused_count++] = id;
	return true;
}

static bool body_is_complete(const struct hathi_fcgi *fcgi)
{
	return fcgi->body_seen == fcgi->content_length;
}

static enum hathi_fcgi_event end_body(struct hathi_fcgi *fcgi)
{
	if (fcgi->body_end_told) return HATHI_FCGI_NEED_INPUT;
	fcgi->body_end_told = true;
	fcgi->body_complete = body_is_complete(fcgi);
	return HATHI_FCGI_BODY_END;
}

/* A BEGIN_REQUEST header. */
static enum hathi_fcgi_event on_begin(struct hathi_fcgi *fcgi)
{
	if (fcgi->content_left != sizeof fcgi->fixed) return fail(fcgi, "bad-begin-length");
	if (fcgi->phase == HATHI_FCGI_IDLE) {
		forget_refused(fcgi, fcgi->record_id);
		fcgi->id = fcgi->record_id;
		fcgi->phase = HATHI_FCGI_BEGIN;
		fcgi->fixed_filled = 0;
		fcgi->use = HATHI_USE_BEGIN;
		return HATHI_FCGI_NEED_INPUT;
	}
	if (fcgi->record_id == fcgi->id) {
		fcgi->next_waits = fcgi->phase == HATHI_FCGI_RUNNING && fcgi->stdin_ended;
		return fcgi->next_waits ? HATHI_FCGI_NEED_INPUT : fail(fcgi, "unexpected-record");
	}
	if (!add_refused(fcgi, fcgi->record_id)) return fail(fcgi, "too-many-refused");
	return reply_end(fcgi, fcgi->record_id, HATHI_STATUS_CANT_MULTIPLEX, false);
}

/* A header of our request while its parameters are read. */
static enum hathi_fcgi_event on_params_phase(struct hathi_fcgi *fcgi)
{
	if (fcgi->type == HATHI_RECORD_ABORT) {
		fcgi->phase = HATHI_FCGI_IDLE;
		reply_end(fcgi, fcgi->id, HATHI_STATUS_COMPLETE, !fcgi->keep);
		fcgi->pending = HATHI_FCGI_REPLY;
		return HATHI_FCGI_ABANDONED;
	}
	if (fcgi->type != HATHI_RECORD_PARAMS) return fail(fcgi, "unexpected-record");
	if (fcgi->content_left == 0) return HATHI_FCGI_NEED_INPUT;
	fcgi->use = HATHI_USE_PARAMS;
	fcgi->params_announced += fcgi->content_left;
	if (fcgi->params_announced > HATHI_PARAMS_BYTES) return fail(fcgi, "params-too-large");
	return HATHI_FCGI_NEED_INPUT;
}

/* A header of our request while it runs. */
static enum hathi_fcgi_event on_running(struct hathi_fcgi *fcgi)
{
	switch (fcgi->type) {
	case HATHI_RECORD_ABORT:
		return HATHI_FCGI_ABORTED;
	case HATHI_RECORD_STDIN:
		if (fcgi->stdin_ended) return fail(fcgi, "unexpected-record");
		if (fcgi->content_left == 0) fcgi->stdin_ended = true;
		else fcgi->use = HATHI_USE_BODY;
		fcgi->body_announced += fcgi->content_left;
		return HATHI_FCGI_NEED_INPUT;
	case HATHI_RECORD_DATA:
		return fcgi->role == ROLE_FILTER ? HATHI_FCGI_NEED_INPUT : fail(fcgi, "unexpected-record");
	default:
		return fail(fcgi, "unexpected-record");
	}
}

/*
 * A header of a request that does not run. The specification has records of inactive ids ignored. Between requests
 * that rule would let an unread body pass for a request, so there only leftovers of a finished request are skipped.
 */
static enum hathi_fcgi_event on_inactive(struct hathi_fcgi *fcgi)
{
	if (find_refused(fcgi, fcgi->record_id) >= 0) {
		if (fcgi->type == HATHI_RECORD_STDIN && fcgi->content_left == 0) forget_refused(fcgi, fcgi->record_id);
		return HATHI_FCGI_NEED_INPUT;
	}
	if (fcgi->phase != HATHI_FCGI_IDLE) return HATHI_FCGI_NEED_INPUT;
	if (fcgi->type == HATHI_RECORD_STDIN && fcgi->content_left == 0) return HATHI_FCGI_NEED_INPUT;
	if (fcgi->type == HATHI_RECORD_ABORT) return HATHI_FCGI_NEED_INPUT;
	return fail(fcgi, "unexpected-record");
}

/* A management record's header. */
static enum hathi_fcgi_event on_management(struct hathi_fcgi *fcgi)
{
	fcgi->use = HATHI_USE_VALUES;
	if (fcgi->type == HATHI_RECORD_GET_VALUES) {
		hathi_pairs_reset(&fcgi->values, HATHI_VALUES_BYTES, HATHI_VALUES_COUNT);
		return fcgi->content_left > HATHI_VALUES_BYTES ? fail(fcgi, "management-too-large") : HATHI_FCGI_NEED_INPUT;
	}
	bool is_application = fcgi->type >= HATHI_RECORD_BEGIN && fcgi->type <= HATHI_RECORD_DATA;
	return is_application ? fail(fcgi, "bad-request-id") : HATHI_FCGI_NEED_INPUT;
}

static enum hathi_fcgi_event on_header(struct hathi_fcgi *fcgi)
{
	const uint8_t *bytes = fcgi->header;
	fcgi->header_filled = 0;
	fcgi->in_record = true;
	fcgi->type = bytes[1];
	fcgi->record_id = (uint16_t)((bytes[2] << 8) | bytes[3]);
	fcgi->content_left = ((uint32_t)bytes[4] << 8) | bytes[5];
	fcgi->padding_left = bytes[6];
	fcgi->use = HATHI_USE_DROP;
	if (fcgi->record_id == 0 || fcgi->type == HATHI_RECORD_GET_VALUES) return on_management(fcgi);
	if (fcgi->type == HATHI_RECORD_BEGIN) return on_begin(fcgi);
	if (fcgi->record_id == fcgi->id && fcgi->phase == HATHI_FCGI_PARAMS) return on_params_phase(fcgi);
	if (fcgi->record_id == fcgi->id && fcgi->phase == HATHI_FCGI_RUNNING) return on_running(fcgi);
	return on_inactive(fcgi);
}

/* A piece of the record's content. */
static enum hathi_fcgi_event on_content(struct hathi_fcgi *fcgi, const uint8_t *bytes, size_t length)
{
	const char *error = NULL;
	switch (fcgi->use) {
	case HATHI_USE_DROP:
		return HATHI_FCGI_NEED_INPUT;
	case HATHI_USE_BEGIN:
		memcpy(fcgi->fixed + fcgi->fixed_filled, bytes, length);
		fcgi->fixed_filled += (uint32_t)length;
		return HATHI_FCGI_NEED_INPUT;
	case HATHI_USE_PARAMS:
		error = hathi_pairs_push(&fcgi->stream, bytes, length);
		break;
	case HATHI_USE_VALUES:
		if (fcgi->type == HATHI_RECORD_GET_VALUES) error = hathi_pairs_push(&fcgi->values, bytes, length);
		break;
	case HATHI_USE_BODY: {
		uint64_t wanted = fcgi->content_length - fcgi->body_seen;
		if (wanted > length) wanted = length;
		/* Bytes beyond CONTENT_LENGTH are dropped, and the connection is not reused. */
		if (wanted == 0) return HATHI_FCGI_NEED_INPUT;
		fcgi->body = bytes;
		fcgi->body_length = (size_t)wanted;
		fcgi->body_seen += wanted;
		return HATHI_FCGI_BODY;
	}
	}
	return error == NULL ? HATHI_FCGI_NEED_INPUT : fail(fcgi, error);
}

/* Reads the last CONTENT_LENGTH as atol(3) does. A negative one counts as 0 (in PHP-FPM as unlimited). */
static uint64_t content_length_of(const struct hathi_pair *params, uint32_t count)
{
	static const char name[] = "CONTENT_LENGTH";
	const char *text = "";
	for (uint32_t index = count; index-- > 0;) {
		if (params[index].name_length != sizeof name - 1 || memcmp(params[index].name, name, sizeof name - 1) != 0)
			continue;
		text = params[index].value;
		break;
	}
	while (*text == ' ' || (*text >= '\t' && *text <= '\r')) text++;
	if (*text == '+') text++;
	uint64_t value = 0;
	for (; *text >= '0' && *text <= '9'; text++) {
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > content_length_most) return content_length_most;
	}
	return value;
}

static enum hathi_fcgi_event take_begin(struct hathi_fcgi *fcgi)
{
	fcgi->role = (uint16_t)((fcgi->fixed[0] << 8) | fcgi->fixed[1]);
	fcgi->keep = (fcgi->fixed[2] & HATHI_KEEP_CONNECTION) != 0;
	if (fcgi->role < ROLE_FIRST || fcgi->role > ROLE_FILTER) {
		fcgi->phase = HATHI_FCGI_IDLE;
		if (!add_refused(fcgi, fcgi->id)) return fail(fcgi, "too-many-refused");
		return reply_end(fcgi, fcgi->id, HATHI_STATUS_UNKNOWN_ROLE, !fcgi->keep);
	}
	hathi_pairs_reset(&fcgi->stream, HATHI_PARAMS_BYTES, HATHI_PARAMS_COUNT);
	fcgi->params_announced = 0;
	fcgi->phase = HATHI_FCGI_PARAMS;
	return HATHI_FCGI_STARTED;
}

static enum hathi_fcgi_event take_params(struct hathi_fcgi *fcgi)
{
	free(fcgi->params);
	const char *error = hathi_pairs_take(&fcgi->stream, &fcgi->params, &fcgi->params_count);
	if (error != NULL) return fail(fcgi, error);
	fcgi->content_length = content_length_of(fcgi->params, fcgi->params_count);
	fcgi->body_announced = 0;
	fcgi->body_seen = 0;
	fcgi->stdin_ended = false;
	fcgi->body_end_told = false;
	fcgi->phase = HATHI_FCGI_RUNNING;
	return HATHI_FCGI_REQUEST;
}

/* Answers GET_VALUES with the known ones of the asked values, any other management record with UNKNOWN_TYPE. */
static enum hathi_fcgi_event answer_management(struct hathi_fcgi *fcgi)
{
	fcgi->reply_closes = false;
	if (fcgi->type != HATHI_RECORD_GET_VALUES) {
		fcgi->reply_length = hathi_management_unknown(fcgi->reply, fcgi->type);
		return HATHI_FCGI_REPLY;
	}
	struct hathi_pair *asked;
	uint32_t count;
	const char *error = hathi_pairs_take(&fcgi->values, &asked, &count);
	if (error != NULL) return fail(fcgi, error);
	fcgi->reply_length = hathi_management_values(fcgi->reply, asked, count, fcgi->max_connections, fcgi->max_requests);
	free(asked);
	return HATHI_FCGI_REPLY;
}

static enum hathi_fcgi_event on_record_end(struct hathi_fcgi *fcgi)
{
	fcgi->in_record = false;
	if (fcgi->use == HATHI_USE_BEGIN) return take_begin(fcgi);
	if (fcgi->use == HATHI_USE_VALUES) return answer_management(fcgi);
	if (fcgi->record_id != fcgi->id) return HATHI_FCGI_NEED_INPUT;
	if (fcgi->phase == HATHI_FCGI_PARAMS && fcgi->type == HATHI_RECORD_PARAMS && fcgi->use == HATHI_USE_DROP)
		return take_params(fcgi);
	if (fcgi->phase == HATHI_FCGI_RUNNING && fcgi->type == HATHI_RECORD_STDIN && fcgi->use == HATHI_USE_DROP)
		return end_body(fcgi);
	return HATHI_FCGI_NEED_INPUT;
}

/* Takes one step. NEED_INPUT here only means that there is no event. */
static enum hathi_fcgi_event step(struct hathi_fcgi *fcgi, const uint8_t **input, const uint8_t *end)
{
	if (!fcgi->in_record) {
		fcgi->header[fcgi->header_filled++] = *(*input)++;
		/* The first byte decides at once: a peer of another protocol may never send eight. */
		if (fcgi->header[0] != HATHI_FCGI_VERSION) return fail(fcgi, "bad-version");
		return fcgi->header_filled == HATHI_HEADER_BYTES ? on_header(fcgi) : HATHI_FCGI_NEED_INPUT;
	}
	size_t available = (size_t)(end - *input);
	if (fcgi->content_left > 0) {
		size_t length = available < fcgi->content_left ? available : fcgi->content_left;
		const uint8_t *bytes = *input;
		*input += length;
		fcgi->content_left -= (uint32_t)length;
		return on_content(fcgi, bytes, length);
	}
	if (fcgi->padding_left > 0) {
		size_t length = available < fcgi->padding_left ? available : fcgi->padding_left;
		*input += length;
		fcgi->padding_left -= (uint32_t)length;
		return HATHI_FCGI_NEED_INPUT;
	}
	return on_record_end(fcgi);
}

/* The body was handed on in full. A shorter body ends by its last record or with the connection. */
static bool body_end_is_due(const struct hathi_fcgi *fcgi)
{
	return fcgi->phase == HATHI_FCGI_RUNNING && !fcgi->body_end_told && body_is_complete(fcgi);
}

/*
 * Parses the input from *input up to end, and moves *input over the used part. Call it until it returns NEED_INPUT;
 * while a request runs, only when its body is wanted.
 */
enum hathi_fcgi_event hathi_fcgi_next(struct hathi_fcgi *fcgi, const uint8_t **input, const uint8_t *end)
{
	if (fcgi->pending != HATHI_FCGI_NEED_INPUT) {
		enum hathi_fcgi_event event = fcgi->pending;
		fcgi->pending = HATHI_FCGI_NEED_INPUT;
		return event;
	}
	if (body_end_is_due(fcgi)) return end_body(fcgi);
	while (fcgi->phase != HATHI_FCGI_CLOSED && !fcgi->next_waits) {
		bool record_is_over = fcgi->in_record && fcgi->content_left == 0 && fcgi->padding_left == 0;
		if (*input == end && !record_is_over) break;
		enum hathi_fcgi_event event = step(fcgi, input, end);
		if (event != HATHI_FCGI_NEED_INPUT) return event;
		if (body_end_is_due(fcgi)) return end_body(fcgi);
	}
	if (!fcgi->input_ended || fcgi->phase == HATHI_FCGI_CLOSED) return HATHI_FCGI_NEED_INPUT;
	if (fcgi->phase == HATHI_FCGI_RUNNING) return end_body(fcgi);
	if (fcgi->phase == HATHI_FCGI_IDLE && !fcgi->in_record && fcgi->header_filled == 0) return HATHI_FCGI_NEED_INPUT;
	return fail(fcgi, "unexpected-end");
}

/* The peer will send nothing more. After a half-close it still gets its response. */
void hathi_fcgi_end_input(struct hathi_fcgi *fcgi)
{
	fcgi->input_ended = true;
}

/*
 * The response is complete. Returns whether the connection may serve another request: the client asked for it, and
 * the body was read to its end, so no part of it can pass for the next request.
 */
bool hathi_fcgi_finish(struct hathi_fcgi *fcgi, bool may_reuse)
{
	bool has_surplus = fcgi->body_announced > fcgi->content_length;
	bool is_read = body_is_complete(fcgi) || (fcgi->stdin_ended && fcgi->body_seen == fcgi->body_announced);
	/* The FCGI_DATA of a filter is dropped while it runs, and not read to its end. */
	bool reusable = may_reuse && fcgi->keep && (!fcgi->input_ended || fcgi->next_waits) && fcgi->role != ROLE_FILTER &&
		fcgi->phase == HATHI_FCGI_RUNNING && !has_surplus && is_read;
	fcgi->phase = reusable ? HATHI_FCGI_IDLE : HATHI_FCGI_CLOSED;
	if (fcgi->use == HATHI_USE_BODY) fcgi->use = HATHI_USE_DROP;
	if (reusable && fcgi->next_waits) on_begin(fcgi);
	fcgi->next_waits = false;
	return reusable;
}
