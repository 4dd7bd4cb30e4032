/*
 * The server side of one FastCGI connection as a state machine: bytes in, events out. It knows no socket and no PHP,
 * so it runs on a corpus and under a fuzzer by itself (tests/native). It follows the rules of
 * src/fastcgi/server-protocol.ts, and the same corpus checks both.
 */
#ifndef HATHI_FCGI_H
#define HATHI_FCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/management.h"
#include "wire/pairs.h"
#include "wire/record.h"

enum {
	/* Limits of what a peer can make the worker keep. */
	HATHI_PARAMS_BYTES = 256 * 1024,
	HATHI_PARAMS_COUNT = 2000,
	HATHI_VALUES_BYTES = 1024,
	HATHI_VALUES_COUNT = 32,
	HATHI_REFUSED_MOST = 16,
	/* In the flags of BEGIN_REQUEST. */
	HATHI_KEEP_CONNECTION = 1,
};

/* Events of hathi_fcgi_next(). */
enum hathi_fcgi_event {
	/* All input is used up. */
	HATHI_FCGI_NEED_INPUT,
	/* PARAMS begin: the request exists from now on. */
	HATHI_FCGI_STARTED,
	/* ABORT_REQUEST arrived before the parameters were complete. The next event is its reply. */
	HATHI_FCGI_ABANDONED,
	/* Parameters are complete: `params`, `role` and `content_length` are valid until hathi_fcgi_finish(). */
	HATHI_FCGI_REQUEST,
	/* `body` points to a piece of the request body, inside the input. */
	HATHI_FCGI_BODY,
	/* End of the body. `body_complete` tells whether all of CONTENT_LENGTH came. */
	HATHI_FCGI_BODY_END,
	/* ABORT_REQUEST for the running request. */
	HATHI_FCGI_ABORTED,
	/* `reply` must be sent; if `reply_closes` is set, the connection then closes. */
	HATHI_FCGI_REPLY,
	/* The input is not understood as FastCGI: `error` tells why. The connection must be closed. */
	HATHI_FCGI_FAILED,
};

enum hathi_fcgi_phase {
	HATHI_FCGI_IDLE,
	HATHI_FCGI_BEGIN,
	HATHI_FCGI_PARAMS,
	HATHI_FCGI_RUNNING,
	HATHI_FCGI_CLOSED,
};

struct hathi_fcgi {
	enum hathi_fcgi_phase phase;
	/* The current record. */
	uint8_t header[HATHI_HEADER_BYTES];
	uint32_t header_filled;
	bool in_record;
	uint8_t type;
	uint16_t record_id;
	uint32_t content_left;
	uint32_t padding_left;
	enum { HATHI_USE_DROP, HATHI_USE_BEGIN, HATHI_USE_PARAMS, HATHI_USE_VALUES, HATHI_USE_BODY } use;
	uint8_t fixed[8];
	uint32_t fixed_filled;
	/* The request. */
	uint16_t id;
	uint16_t role;
	bool keep;
	size_t params_announced;
	struct hathi_pairs stream;
	struct hathi_pair *params;
	uint32_t params_count;
	uint64_t content_length;
	/* Bytes of its body: announced by records, and handed on. */
	uint64_t body_announced;
	uint64_t body_seen;
	bool stdin_ended;
	bool input_ended;
	bool body_end_told;
	bool body_complete;
	/*
	 * The BEGIN_REQUEST of the next request was read, which was sent behind the running one under the same id; it
	 * waits.
	 */
	bool next_waits;
	const uint8_t *body;
	size_t body_length;
	/* Refused ids, whose records are skipped. */
	uint16_t refused[HATHI_REFUSED_MOST];
	uint32_t refused_count;
	/* For GET_VALUES. */
	struct hathi_pairs values;
	uint32_t max_connections;
	uint32_t max_requests;
	/* Results. */
	uint8_t reply[HATHI_MANAGEMENT_BYTES];
	size_t reply_length;
	bool reply_closes;
	const char *error;
	enum hathi_fcgi_event pending;
};

void hathi_fcgi_init(struct hathi_fcgi *fcgi, uint32_t max_connections, uint32_t max_requests);
void hathi_fcgi_free(struct hathi_fcgi *fcgi);
enum hathi_fcgi_event hathi_fcgi_next(struct hathi_fcgi *fcgi, const uint8_t **input, const uint8_t *end);
void hathi_fcgi_end_input(struct hathi_fcgi *fcgi);
bool hathi_fcgi_finish(struct hathi_fcgi *fcgi, bool may_reuse);
bool hathi_fcgi_has_body(const struct hathi_fcgi *fcgi, const uint8_t *input, const uint8_t *end);
bool hathi_fcgi_drain(struct hathi_fcgi *fcgi, const uint8_t *input, const uint8_t *end);

#endif
