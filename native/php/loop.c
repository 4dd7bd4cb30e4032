#include "php/loop.h"

#include <errno.h>
#include <string.h>

#include <ext/spl/spl_exceptions.h>
#include <zend_exceptions.h>

#include "php/audit.h"
#include "php/boot_output.h"
#include "php/exception.h"
#include "php/front.h"
#include "php/opcache.h"
#include "php/request.h"
#include "php/reset.h"
#include "php/sapi.h"
#include "php/std_streams.h"
#include "worker/log.h"
#include "worker/next_request.h"
#include "worker/pass.h"
#include "worker/turn.h"

/*
 * Worker mode: the pool's script (worker.script) boots an application once and asks for requests by itself, with
 * hathi_handle_request(). PHP runs that script as one long request without a client, and requests inside of it
 * (reset.c). A worker is up when its application asks for the first one.
 *
 * Ways out of a handler:
 *   it returns, or throws      the response is complete, the loop goes on
 *   exit                       the same; then the script ends as exit ends it, and the application boots anew
 *   a fatal error              PHP leaves the whole script: its own end completes the response, and the worker retires
 */

enum { NAME_MOST = 4096 };

enum phase { BOOTING, PAUSING, SERVING };

static struct {
	/* NULL outside of worker mode. */
	struct hathi_worker *worker;
	enum phase phase;
	struct hathi_request request;
	/* The script as PHP sees it, beside requests. */
	struct hathi_request boot;
	/* Requests since the boot. */
	uint64_t served;
	uint64_t started;
	/* The request is in scoreboard and access log. */
	bool is_accounted;
	/* The handler has ended by exit. */
	bool has_exited;
} loop;

/* --- a request --------------------------------------------------------------------------------------------------- */

/* Once a request: a fatal error may come before, or behind it in what ends the request. */
static void account(void)
{
	if (loop.is_accounted) return;
	loop.is_accounted = true;
	/* It may have come before anything was known of the request. */
	if (loop.request.texts.method == NULL) hathi_request_describe(&loop.request);
	hathi_request_account(&loop.request);
	hathi_request_release(&loop.request);
}

static void call_handler(zend_fcall_info *call, zend_fcall_info_cache *cache)
{
	zval result;
	ZVAL_UNDEF(&result);
	call->retval = &result;
	call->param_count = 0;
	call->params = NULL;
	loop.request.is_running = true;
	zend_call_function(call, cache);
	zval_ptr_dtor(&result);
	/* Out of memory, PHP may return from a fatal error in the ordinary way. Nothing works any more then. */
	if (CG(unclean_shutdown)) zend_bailout();
	if (hathi_exception_settle()) loop.has_exited = true;
	hathi_answer_mark_failure();
}

/* Serves the request from its parameters to the end of its response. */
static void serve(zend_fcall_info *call, zend_fcall_info_cache *cache)
{
	struct hathi_request *request = &loop.request;
	struct hathi_worker *worker = loop.worker;
	hathi_reset_prepare();
	loop.started = hathi_turn_begin(worker, request->connection);
	hathi_request_begin(request);
	hathi_request_tell_php(request);
	/* From here on a fatal error belongs to the request. */
	loop.phase = SERVING;
	loop.has_exited = false;
	loop.is_accounted = false;
	hathi_reset_begin();
	hathi_request_describe(request);
	hathi_answer_tell(request, loop.served + 1);
	hathi_opcache_publish(worker, request->connection->accepted);
	hathi_audit_handling();
	if (!hathi_answer_own(request)) call_handler(call, cache);
	account();
	hathi_audit_handled(loop.has_exited);
	if (hathi_reset_finish()) loop.has_exited = true;
	if (CG(unclean_shutdown)) zend_bailout();
	/* The next request of a kept connection would have to wait for the boot. */
	if (loop.has_exited && worker->reboots_on_exit) worker->may_reuse = false;
	hathi_reset_end();
	loop.phase = PAUSING;
	loop.served++;
	hathi_slot_heap(&worker->slot, zend_memory_usage(false), loop.served);
	hathi_request_close(request);
	/* Destructors may have thrown in the meantime. */
	if (hathi_exception_settle()) loop.has_exited = true;
}

/* --- between requests ---------------------------------------------------------------------------------------------- */

static void come_up(void)
{
	struct hathi_worker *worker = loop.worker;
	hathi_reset_end_boot();
	hathi_request_release(&loop.boot);
	loop.phase = PAUSING;
	hathi_slot_booted(&worker->slot);
	hathi_turn_come_up(worker);
}

/*
 * The next request for the application; false when the worker must end. Other requests go to workers that run
 * scripts.
 */
static bool next(void)
{
	struct hathi_worker *worker = loop.worker;
	struct hathi_request *request = &loop.request;
	struct hathi_connection *connection;
	while ((connection = hathi_turn_next(worker)) != NULL) {
		hathi_request_open(request, worker, connection);
		request->is_handled = true;
		if (!hathi_request_resolve(request)) {
			worker->retires = true;
			hathi_connection_close(worker, connection);
			continue;
		}
		if (hathi_front_takes(request)) return true;
		hathi_pass(worker, connection);
		hathi_params_clear(&request->params);
	}
	return false;
}

static const char *complaint(void)
{
	if (loop.worker == NULL)
		return "can only be called by the script of a pool in worker mode: set worker.script to it (docs/worker-mode.md)";
	if (loop.phase == SERVING) return "cannot be called inside of a handler: the loop around it calls it";
	return NULL;
}

/* {{{ hathi_handle_request(callable): waits for a request, runs the function for it; false when the worker ends. */
PHP_FUNCTION(hathi_handle_request)
{
	zend_fcall_info call;
	zend_fcall_info_cache cache;
	ZEND_PARSE_PARAMETERS_START(1, 1)
		Z_PARAM_FUNC(call, cache)
	ZEND_PARSE_PARAMETERS_END();
	const char *wrong = complaint();
	if (wrong != NULL) {
		zend_throw_exception_ex(spl_ce_RuntimeException, 0, "%s() %s", ZSTR_VAL(EX(func)->common.function_name), wrong);
		RETURN_THROWS();
	}
	if (loop.phase == BOOTING) come_up();
	else hathi_turn_settle(loop.worker, loop.started);
	hathi_audit_rest(loop.served, false);
	if (!next()) {
		hathi_slot_leaving(&loop.worker->slot);
		RETURN_FALSE;
	}
	serve(&call, &cache);
	if (loop.has_exited && loop.worker->reboots_on_exit) {
		hathi_worker_tell(loop.worker, HATHI_DEBUG, "a handler ended by exit: the application boots anew");
		zend_throw_unwind_exit();
		RETURN_THROWS();
	}
	RETURN_TRUE;
}
/* }}} */

/* --- a boot -------------------------------------------------------------------------------------------------------- */

static bool set_boot_variables(const struct hathi_worker *worker, struct hathi_params *params)
{
	static char folder[NAME_MOST];
	const char *slash = strrchr(worker->script, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - worker->script);
	if (length >= sizeof folder) length = sizeof folder - 1;
	memcpy(folder, worker->script, length);
	folder[length] = '\0';
	hathi_params_clear(params);
	return hathi_params_set(params, "DOCUMENT_ROOT", folder) &&
		hathi_params_set(params, "SCRIPT_FILENAME", worker->script) &&
		hathi_params_set(params, "SCRIPT_NAME", slash == NULL ? worker->script : slash) &&
		hathi_params_set(params, "FRANKENPHP_WORKER", "1") &&
		/*
		 * No limit: the worker has its own. A script that ended by itself would leave clients behind that the worker has
		 * accepted. Symfony's runners take a negative number as unlimited, Octane's takes any number as a limit.
		 */
		hathi_params_set(params, "FRANKENPHP_LOOP_MAX", "-1") &&
		hathi_params_set(params, "MAX_REQUESTS", "2147483647");
}

static void tell_php(struct hathi_request *boot)
{
	SG(server_context) = boot;
	SG(sapi_headers).http_response_code = 200;
	memset(&SG(request_info), 0, sizeof SG(request_info));
	SG(request_info).path_translated = estrdup(boot->worker->script);
	SG(request_info).request_uri = (char *)(uintptr_t)boot->script.uri;
	SG(request_info).content_type = "";
	SG(request_info).proto_num = 1000;
}

/* Tells why the script ended before it asked for a request. */
static void report_failure(void)
{
	struct hathi_worker *worker = loop.worker;
	const char *printed = hathi_boot_printed();
	const char *error = PG(last_error_message) == NULL ? NULL : ZSTR_VAL(PG(last_error_message));
	bool is_error = error != NULL && (PG(last_error_type) & (E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR |
		E_USER_ERROR | E_RECOVERABLE_ERROR)) != 0;
	if (is_error)
		hathi_turn_fail_boot(worker, "the application of \"%s\" could not be booted: %s in %s on line %d", worker->script,
			error, PG(last_error_file) == NULL ? "unknown" : ZSTR_VAL(PG(last_error_file)), PG(last_error_lineno));
	else
		hathi_turn_fail_boot(worker, "the script \"%s\" never called hathi_handle_request(): it ended with exit status %d%s%s",
			worker->script, EG(exit_status), *printed == '\0' ? "" : ", and printed: ", printed);
}

static void run_script(void)
{
	zend_file_handle file;
	if (php_fopen_primary_script(&file) == FAILURE) {
		hathi_turn_fail_boot(loop.worker, "cannot open the script \"%s\" of worker.script: %s", loop.worker->script,
			strerror(errno));
		return;
	}
	EG(exit_status) = 0;
	hathi_folder_enter(&file);
	php_execute_script(&file);
	zend_destroy_file_handle(&file);
	if (loop.phase == PAUSING) hathi_audit_rest(loop.served, true);
	if (loop.phase != BOOTING) return;
	zend_try {
		php_output_end_all();
	} zend_end_try();
	report_failure();
}

/*
 * The script has ended: between requests, or by a fatal error in a request, whose response PHP's own end completes.
 */
static void end_script(void)
{
	if (loop.phase == SERVING) {
		account();
		hathi_reset_abandon();
	} else {
		hathi_request_release(&loop.boot);
		hathi_folder_leave();
	}
	php_request_shutdown(NULL);
}

/* Runs the application once. Returns false when PHP was left by a fatal error. */
static bool live(void)
{
	struct hathi_worker *worker = loop.worker;
	volatile bool is_sound = true;
	loop.phase = BOOTING;
	loop.served = 0;
	loop.has_exited = false;
	hathi_boot_forget();
	hathi_request_open(&loop.boot, worker, NULL);
	loop.boot.is_boot = true;
	if (!set_boot_variables(worker, &loop.boot.params)) return false;
	const char *slash = strrchr(worker->script, '/');
	loop.boot.script = (struct hathi_script){.path = worker->script, .is_named = true};
	loop.boot.script.uri = loop.boot.script.php_self = slash == NULL ? worker->script : slash;
	hathi_front_learn(worker);
	hathi_slot_booting(&worker->slot);
	zend_first_try {
		tell_php(&loop.boot);
		if (php_request_startup() == FAILURE) {
			is_sound = false;
		} else {
			hathi_php_signals_settled();
			hathi_std_streams_define();
			zend_try {
				run_script();
			} zend_end_try();
			end_script();
		}
	} zend_catch {
		is_sound = false;
	} zend_end_try();
	if (CG(unclean_shutdown)) is_sound = false;
	if (loop.phase == SERVING) {
		worker->may_reuse = false;
		hathi_request_close(&loop.request);
		hathi_turn_settle(worker, loop.started);
		is_sound = false;
	}
	SG(server_context) = NULL;
	return is_sound;
}

/* A script that serves one request and ends would boot for each request. */
static void advise(void)
{
	static bool has_advised;
	if (has_advised || loop.served > 1 || loop.has_exited) return;
	has_advised = true;
	hathi_worker_tell(loop.worker, HATHI_WARNING, "the script \"%s\" ended after %llu request%s: it is to call "
		"hathi_handle_request() in a loop, as long as that returns true", loop.worker->script,
		(unsigned long long)loop.served, loop.served == 1 ? "" : "s");
}

/* The life of a worker in worker mode. An application that ended by itself boots again. */
void hathi_loop_run(struct hathi_worker *worker)
{
	loop.worker = worker;
	hathi_reset_choose(worker);
	hathi_audit_start(worker);
	for (;;) {
		bool is_sound = live();
		/* It retires. Its application boots once more where a client that it has accepted still waits. */
		if (!is_sound) worker->retires = true;
		if (loop.phase == BOOTING || hathi_turn_is_last(worker)) return;
		if (is_sound) hathi_turn_settle(worker, loop.started);
		/* It may have counted its requests by itself, and that was the last one. */
		if (hathi_turn_is_last(worker)) return;
		if (is_sound) advise();
		hathi_turn_give_up_kept(worker);
		if (hathi_turn_is_last(worker)) return;
	}
}
