#include "php/request.h"

#include "worker/faults.h"

/* Ends the response once: adds END_REQUEST and sends the gathered records. */
void hathi_response_end(struct hathi_request *request)
{
	if (request->finished) return;
	hathi_output_end(&request->worker->output);
	request->finished = true;
	hathi_faults_watch(NULL);
}

/*
 * The response is over and its script goes on: the client sees the end of the connection, and the time-outs of the
 * request no longer apply, as in PHP-FPM. A kept connection is given up too: its next request would wait for the end
 * of the script, and the script may wait for that request.
 */
void hathi_response_let_go(struct hathi_request *request)
{
	hathi_connection_let_go(request->worker, request->connection);
	hathi_slot_stage(&request->worker->slot, HATHI_STAGE_FINISHING);
}
