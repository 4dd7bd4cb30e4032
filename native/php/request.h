/* One request: from its parameters to its end (request.c), page or script (answer.c), the end of its response
 * (response.c), its line in the access log (access_line.c). */
#ifndef HATHI_REQUEST_H
#define HATHI_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "record/request_texts.h"
#include "record/slot.h"
#include "wire/params.h"
#include "wire/request_id.h"
#include "wire/script.h"
#include "worker/worker.h"

/* The running request; PHP's callbacks find it in SG(server_context). */
struct hathi_request {
	struct hathi_worker *worker;
	struct hathi_connection *connection;
	struct hathi_params params;
	struct hathi_script script;
	struct hathi_request_texts texts;
	/* The response is complete, by fastcgi_finish_request() or the end. */
	bool finished;
	/* The script was ended because its client was gone. */
	bool client_aborted;
	bool is_running;
	/* Worker mode: it is the boot of the application, for nobody; or a request that the application handles. */
	bool is_boot;
	bool is_handled;
	/* A message has gone to the web server; the next one is joined to it. */
	bool has_message;
	/* fd for REQUEST_BODY_FILE; -1 until it is opened, -2 without one, -3 when it is no file. */
	int body_file;
	/* Bytes of output after the end of the response. */
	size_t late_bytes;
	uint64_t started_cpu;
	/* With an access log: what the process had used before. */
	struct rusage before;
	/* Empty when the request has no id. */
	char id[HATHI_REQUEST_ID_BYTES];
};

void hathi_request_open(struct hathi_request *request, struct hathi_worker *worker, struct hathi_connection *connection);
bool hathi_request_resolve(struct hathi_request *request);
void hathi_request_begin(struct hathi_request *request);
void hathi_request_tell_php(struct hathi_request *request);
void hathi_request_describe(struct hathi_request *request);
void hathi_request_account(struct hathi_request *request);
void hathi_request_release(struct hathi_request *request);
bool hathi_request_close(struct hathi_request *request);
bool hathi_request_serve(struct hathi_worker *worker, struct hathi_connection *connection);
bool hathi_answer_is_own(const struct hathi_request *request);
bool hathi_answer_own(struct hathi_request *request);
void hathi_answer(struct hathi_request *request);
void hathi_answer_mark_failure(void);
void hathi_answer_tell(const struct hathi_request *request, uint64_t requests);
void hathi_folder_start(void);
void hathi_folder_leave(void);
void hathi_response_end(struct hathi_request *request);
void hathi_response_let_go(struct hathi_request *request);
void hathi_access_log_request(struct hathi_request *request, const struct hathi_slot_result *result, uint64_t user,
	uint64_t system);

#endif
