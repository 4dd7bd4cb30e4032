#include "php/reset.h"

#include <string.h>

#include <ext/standard/basic_functions.h>
#include <ext/standard/file.h>

#include "php/exception.h"
#include "php/kept_ini.h"
#include "php/kept_state.h"
#include "php/request_modules.h"
#include "php/sapi.h"
#include "php/superglobals.h"

/*
 * A request of a booted application needs a fresh state, and must leave none behind. PHP has the start and end of a
 * request only for a whole script. Here the script goes on, so the parts of both that belong to a request run by
 * themselves: output, head, body, superglobals, limits, a few extensions. Changes of the boot stay; changes of a
 * request are undone.
 *
 * Between two requests PHP is in the same state as in one, but without a client: output goes to the worker's log, and
 * a head is dropped.
 */

/* A request has begun and not ended. */
static bool is_open;

/* Finds the extensions of which requests have state. */
void hathi_reset_choose(struct hathi_worker *worker)
{
	hathi_request_modules_choose(worker);
	hathi_kept_state_find();
}

/* Clears pointers that PHP frees at the end of a request, and would free again at the next one. */
static void forget_request_info(void)
{
	SG(request_info).request_method = NULL;
	SG(request_info).query_string = NULL;
	SG(request_info).request_uri = NULL;
	SG(request_info).content_type = NULL;
	SG(request_info).content_length = 0;
	SG(request_info).cookie_data = NULL;
	SG(request_info).auth_user = NULL;
	SG(request_info).auth_password = NULL;
	SG(request_info).auth_digest = NULL;
	SG(request_info).content_type_dup = NULL;
	SG(request_info).current_user = NULL;
	SG(request_info).request_body = NULL;
}

static void start_buffering(void)
{
	if (PG(output_handler) != NULL && *PG(output_handler) != '\0') {
		zval handler;
		ZVAL_STRING(&handler, PG(output_handler));
		php_output_start_user(&handler, 0, PHP_OUTPUT_HANDLER_STDFLAGS);
		zval_ptr_dtor(&handler);
	} else if (PG(output_buffering)) {
		php_output_start_user(NULL, PG(output_buffering) > 1 ? (size_t)PG(output_buffering) : 0, PHP_OUTPUT_HANDLER_STDFLAGS);
	} else if (PG(implicit_flush)) {
		php_output_set_implicit_flush(1);
	}
}

static void forget_last_error(void)
{
	if (PG(last_error_message) != NULL) zend_string_release(PG(last_error_message));
	if (PG(last_error_file) != NULL) zend_string_release(PG(last_error_file));
	PG(last_error_message) = NULL;
	PG(last_error_file) = NULL;
	PG(last_error_type) = 0;
	PG(last_error_lineno) = 0;
}

/* Until the next request: PHP is as in a request, but without a client. */
static void begin_pause(void)
{
	SG(server_context) = NULL;
	forget_request_info();
	php_output_activate();
	sapi_activate();
	SG(sapi_headers).http_response_code = 200;
}

/* Output since the last request leaves, and so does its head. */
static void end_pause(void)
{
	php_output_end_all();
	php_output_deactivate();
	sapi_deactivate();
	forget_request_info();
}

/* The boot is over: ends its output and session. Call it when the application waits for its first request. */
void hathi_reset_end_boot(void)
{
	zend_unset_timeout();
	hathi_kept_state_end_boot();
	hathi_kept_state_keep_session_handler();
	php_output_end_all();
	hathi_request_modules_stop();
	hathi_kept_state_restore_session_handler();
	php_output_deactivate();
	sapi_deactivate();
	begin_pause();
}

/* Before a request: removes state that does not belong to it. PHP is told about the request next. */
void hathi_reset_prepare(void)
{
	end_pause();
}

/*
 * PHP reads the request. As in any request no code of the application runs at that time: its error handler must not hear
 * of what a client has sent, since it may throw, and PHP's messages name no place in a script.
 */
static void read_input(void)
{
	zend_execute_data *frame = EG(current_execute_data);
	zval error_handler;
	ZVAL_COPY_VALUE(&error_handler, &EG(user_error_handler));
	ZVAL_UNDEF(&EG(user_error_handler));
	EG(current_execute_data) = NULL;
	PG(during_request_startup) = 1;
	sapi_activate();
	zend_set_timeout(PG(max_input_time) == -1 ? INI_INT("max_execution_time") : PG(max_input_time), false);
	if (PG(expose_php)) sapi_add_header(SAPI_PHP_VERSION_HEADER, sizeof SAPI_PHP_VERSION_HEADER - 1, 1);
	start_buffering();
	hathi_superglobals_fill();
	hathi_request_modules_start();
	PG(during_request_startup) = 0;
	EG(current_execute_data) = frame;
	zval_ptr_dtor(&EG(user_error_handler));
	ZVAL_COPY_VALUE(&EG(user_error_handler), &error_handler);
}

/* The request begins. PHP already knows it. */
void hathi_reset_begin(void)
{
	is_open = true;
	hathi_kept_state_keep();
	hathi_kept_ini_keep();
#if PHP_VERSION_ID >= 80200
	zend_memory_reset_peak_usage();
#endif
	forget_last_error();
	php_clear_stat_cache(0, NULL, 0);
	EG(exit_status) = 0;
	PG(connection_status) = PHP_CONNECTION_NORMAL;
	php_output_activate();
#if PHP_VERSION_ID >= 80500
	if (hathi_sapi.pre_request_init != NULL) hathi_sapi.pre_request_init();
#endif
	read_input();
	/* Setting the time for input has replaced the limit in EG(timeout_seconds). */
	zend_set_timeout(INI_INT("max_execution_time"), false);
}

/*
 * Runs the functions that the request registered for its end, then ends its output. Each part runs whatever happens
 * to the others; a fatal error in one sets CG(unclean_shutdown). Returns whether one of them ended by exit.
 */
bool hathi_reset_finish(void)
{
	php_call_shutdown_functions();
	bool has_exited = hathi_exception_settle();
	zend_try {
		php_output_end_all();
	} zend_end_try();
	zend_unset_timeout();
	hathi_request_modules_stop();
	hathi_kept_state_restore_session_handler();
	has_exited |= hathi_exception_settle();
	zend_try {
		php_output_deactivate();
	} zend_end_try();
	return has_exited;
}

/* The application may have kept a stream on the body. It would read the freed memory of that body. */
static void close_body_streams(void)
{
	zend_resource *resource;
	int type = php_file_le_stream();
	ZEND_HASH_FOREACH_PTR(&EG(regular_list), resource) {
		if (resource == NULL || resource->type != type) continue;
		const php_stream *stream = resource->ptr;
		if (stream != NULL && strcmp(stream->ops->label, "Input") == 0) zend_list_close(resource);
	} ZEND_HASH_FOREACH_END();
}

/* Ends everything of the request but its output: the response is complete when this returns. */
void hathi_reset_end(void)
{
	php_stream *body = SG(request_info).request_body;
	php_free_shutdown_functions();
	hathi_kept_state_restore_shutdown_functions();
	zend_hash_str_del(&EG(symbol_table), ZEND_STRL("_SESSION"));
	sapi_deactivate();
	if (body != NULL) {
		close_body_streams();
		php_stream_free(body, PHP_STREAM_FREE_CLOSE);
	}
	hathi_kept_ini_restore();
	hathi_kept_state_restore();
	is_open = false;
	begin_pause();
	hathi_kept_state_restore_folder();
}

/* A fatal error has ended the script in a request. PHP's own end comes next, and frees everything. */
void hathi_reset_abandon(void)
{
	if (!is_open) return;
	is_open = false;
	hathi_kept_ini_forget();
	hathi_kept_state_abandon();
}
