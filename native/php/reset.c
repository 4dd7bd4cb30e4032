#include "php/reset.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ext/date/php_date.h>
#include <ext/session/php_session.h>
#include <ext/standard/basic_functions.h>
#include <ext/standard/file.h>

#include "php/exception.h"
#include "php/sapi.h"
#include "worker/log.h"

/*
 * A request of a booted application needs a fresh state, and must leave none behind. PHP has the start and end of a
 * request only for a whole script. Here the script goes on, so the parts of both that belong to a request run by
 * themselves: output, head, body, superglobals, limits, a few extensions. Changes of the boot stay; changes of a
 * request are undone.
 *
 * Between two requests PHP is in the same state as in one, but without a client: output goes to the worker's log, and
 * a head is dropped.
 */

enum { MODULES_MOST = 32, SESSION_NAMES = sizeof(((php_ps_globals *)NULL)->mod_user_names) / sizeof(zval) };

/* An ini value that the application has set. */
struct kept_ini {
	zend_ini_entry *entry;
	zend_string *value;
	int modifiable;
};

static struct {
	/* Extensions whose RINIT and RSHUTDOWN run for every request. */
	zend_module_entry *modules[MODULES_MOST];
	size_t module_count;
	php_ps_globals *session;
	zend_date_globals *date;
	/* The application's state at the start of a request. */
	HashTable *shutdown_functions;
	struct kept_ini *ini;
	size_t ini_count;
	size_t ini_capacity;
	char *timezone;
	zval session_names[SESSION_NAMES];
	int umask_known;
	mode_t mask;
	/* Its folder; -1 if it cannot be held open. */
	int folder;
	/* Some of the above is saved. */
	bool is_open;
} kept = {.folder = -1};

/* --- extensions ----------------------------------------------------------------------------------------------- */

static zend_module_entry *find_module(const char *name)
{
	zend_module_entry *module;
	ZEND_HASH_FOREACH_PTR(&module_registry, module) {
		if (strcasecmp(module->name, name) == 0) return module;
	} ZEND_HASH_FOREACH_END();
	return NULL;
}

static bool add_module(const char *name)
{
	zend_module_entry *module = find_module(name);
	if (module == NULL || kept.module_count == MODULES_MOST) return false;
	for (size_t index = 0; index < kept.module_count; index++) {
		if (kept.modules[index] == module) return true;
	}
	kept.modules[kept.module_count++] = module;
	return true;
}

/*
 * Extensions that keep state of a request by design: input, the session, compression of output, seeds of random
 * numbers. The pool's own (worker.reset) follow, in the order of PHP's start of a request.
 */
void hathi_reset_choose(struct hathi_worker *worker)
{
	static const char *const always[] = {"filter", "session", "random", "zlib", "tidy"};
	for (size_t index = 0; index < sizeof always / sizeof *always; index++) add_module(always[index]);
	size_t cursor = 0;
	const struct hathi_setting *setting;
	while ((setting = hathi_setting_next(worker->settings, HATHI_SETTING_WORKER_RESET, &cursor)) != NULL) {
		if (!add_module(setting->value))
			hathi_worker_tell(worker, HATHI_WARNING, "worker.reset: this PHP has no extension \"%s\"", setting->value);
	}
	zend_module_entry *session = find_module("session");
	zend_module_entry *date = find_module("date");
	kept.session = session == NULL ? NULL : session->globals_ptr;
	kept.date = date == NULL ? NULL : date->globals_ptr;
}

static void start_modules(void)
{
	for (size_t index = 0; index < kept.module_count; index++) {
		zend_module_entry *module = kept.modules[index];
		if (module->request_startup_func != NULL)
			module->request_startup_func(module->type, module->module_number);
	}
}

/* Each RSHUTDOWN runs by itself: a fatal error in one does not skip the others. */
static void stop_module(const zend_module_entry *module)
{
	if (module->request_shutdown_func == NULL) return;
	zend_try {
		module->request_shutdown_func(module->type, module->module_number);
	} zend_end_try();
}

static void stop_modules(void)
{
	for (size_t index = kept.module_count; index-- > 0;) stop_module(kept.modules[index]);
	for (size_t index = kept.module_count; index-- > 0;) {
		if (kept.modules[index]->post_deactivate_func != NULL) kept.modules[index]->post_deactivate_func();
	}
}

/* --- what the application has set ------------------------------------------------------------------------------ */

static bool keep_ini_value(zend_ini_entry *entry)
{
	if (kept.ini_count == kept.ini_capacity) {
		size_t capacity = kept.ini_capacity * 2 + 16;
		struct kept_ini *grown = realloc(kept.ini, capacity * sizeof *grown);
		if (grown == NULL) return false;
		kept.ini = grown;
		kept.ini_capacity = capacity;
	}
	zend_string *value = entry->value == NULL ? NULL : zend_string_copy(entry->value);
	kept.ini[kept.ini_count++] = (struct kept_ini){entry, value, entry->modifiable};
	return true;
}

static void keep_ini(void)
{
	zend_ini_entry *entry;
	if (EG(modified_ini_directives) == NULL) return;
	ZEND_HASH_FOREACH_PTR(EG(modified_ini_directives), entry) {
		if (!keep_ini_value(entry)) return;
	} ZEND_HASH_FOREACH_END();
}

static void forget_ini(void)
{
	for (size_t index = 0; index < kept.ini_count; index++) {
		if (kept.ini[index].value != NULL) zend_string_release(kept.ini[index].value);
	}
	kept.ini_count = 0;
}

static const struct kept_ini *find_kept(const zend_ini_entry *entry)
{
	for (size_t index = 0; index < kept.ini_count; index++) {
		if (kept.ini[index].entry == entry) return kept.ini + index;
	}
	return NULL;
}

/* Restores a value of the application that the request has changed. */
static void put_back(const struct kept_ini *kept_ini)
{
	zend_ini_entry *entry = kept_ini->entry;
	if (!entry->modified && kept_ini->value != NULL) {
		/* The request has restored php.ini's value. */
		zend_alter_ini_entry(entry->name, kept_ini->value, ZEND_INI_SYSTEM, ZEND_INI_STAGE_ACTIVATE);
	} else if (entry->value != kept_ini->value) {
		zend_try {
			/* A refusal is ignored: the value was accepted before. */
			if (entry->on_modify != NULL)
				entry->on_modify(entry, kept_ini->value, entry->mh_arg1, entry->mh_arg2, entry->mh_arg3,
					ZEND_INI_STAGE_DEACTIVATE);
		} zend_end_try();
		if (entry->value != NULL && entry->value != entry->orig_value) zend_string_release(entry->value);
		entry->value = kept_ini->value == NULL ? NULL : zend_string_copy(kept_ini->value);
	}
	entry->modifiable = (uint8_t)kept_ini->modifiable;
}

/* Undoes the ini values that the request set, itself or through the web server. */
static void restore_ini(void)
{
	for (size_t index = 0; index < kept.ini_count; index++) put_back(kept.ini + index);
	HashTable *modified = EG(modified_ini_directives);
	if (modified != NULL && zend_hash_num_elements(modified) > kept.ini_count) {
		zend_ini_entry *entry;
		/* A restored entry leaves the table; that does not disturb the iteration. */
		ZEND_HASH_FOREACH_PTR(modified, entry) {
			if (find_kept(entry) == NULL) zend_restore_ini_entry(entry->name, ZEND_INI_STAGE_DEACTIVATE);
		} ZEND_HASH_FOREACH_END();
	}
	forget_ini();
}

static void keep_timezone(void)
{
	const char *timezone = kept.date == NULL ? NULL : kept.date->timezone;
	kept.timezone = timezone == NULL ? NULL : estrdup(timezone);
}

/* Undoes date_default_timezone_set() of a request. */
static void restore_timezone(void)
{
	if (kept.date != NULL) {
		char *now = kept.date->timezone;
		kept.date->timezone = kept.timezone;
		kept.timezone = now;
	}
	if (kept.timezone != NULL) efree(kept.timezone);
	kept.timezone = NULL;
}

/*
 * The session extension forgets a save handler at the end of each request. This restores one that the application set
 * before.
 */
static void keep_session_handler(void)
{
	if (kept.session == NULL) return;
	const zval *names = (const zval *)&kept.session->mod_user_names;
	for (size_t index = 0; index < SESSION_NAMES; index++) ZVAL_COPY(&kept.session_names[index], names + index);
}

static void restore_session_handler(void)
{
	if (kept.session == NULL) return;
	zval *names = (zval *)&kept.session->mod_user_names;
	for (size_t index = 0; index < SESSION_NAMES; index++) {
		ZVAL_COPY_VALUE(names + index, &kept.session_names[index]);
		ZVAL_UNDEF(&kept.session_names[index]);
	}
}

/* The first umask() saves the mask that PHP goes back to. Unset here, it will save the boot's. */
static void keep_mask(void)
{
	kept.umask_known = BG(umask);
	BG(umask) = -1;
}

static void restore_mask(void)
{
	if (BG(umask) != -1) umask(kept.mask);
	BG(umask) = kept.umask_known;
}

/* --- superglobals ---------------------------------------------------------------------------------------------- */

/*
 * Fills the superglobals again. PHP fills some only when it compiles a script that uses them, so these are filled if
 * it ever has. $_SERVER is always filled, since its user may have been compiled long ago. $_ENV stays as it was at
 * the boot.
 */
static void import_globals(void)
{
	for (int index = 0; index < NUM_TRACK_VARS; index++) {
		if (index == TRACK_VARS_ENV) continue;
		zval old;
		ZVAL_COPY_VALUE(&old, &PG(http_globals)[index]);
		ZVAL_UNDEF(&PG(http_globals)[index]);
		zval_ptr_dtor_nogc(&old);
	}
	zend_auto_global *global;
	ZEND_HASH_FOREACH_PTR(CG(auto_globals), global) {
		if (global->auto_global_callback == NULL || zend_string_equals_literal(global->name, "_ENV")) continue;
		bool waits = global->jit && !zend_string_equals_literal(global->name, "_SERVER") &&
			!zend_hash_exists(&EG(symbol_table), global->name);
		global->armed = waits || global->auto_global_callback(global->name);
	} ZEND_HASH_FOREACH_END();
}

/* --- a request's start and end ---------------------------------------------------------------------------------- */

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
	kept.mask = umask(0);
	umask(kept.mask);
	if (kept.folder >= 0) close(kept.folder);
	kept.folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	keep_session_handler();
	php_output_end_all();
	stop_modules();
	restore_session_handler();
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
	import_globals();
	start_modules();
	PG(during_request_startup) = 0;
	EG(current_execute_data) = frame;
	zval_ptr_dtor(&EG(user_error_handler));
	ZVAL_COPY_VALUE(&EG(user_error_handler), &error_handler);
}

/* The request begins. PHP already knows it. */
void hathi_reset_begin(void)
{
	kept.is_open = true;
	kept.shutdown_functions = BG(user_shutdown_function_names);
	BG(user_shutdown_function_names) = NULL;
	keep_ini();
	keep_timezone();
	keep_session_handler();
	keep_mask();
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
	stop_modules();
	restore_session_handler();
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
	BG(user_shutdown_function_names) = kept.shutdown_functions;
	kept.shutdown_functions = NULL;
	zend_hash_str_del(&EG(symbol_table), ZEND_STRL("_SESSION"));
	sapi_deactivate();
	if (body != NULL) {
		close_body_streams();
		php_stream_free(body, PHP_STREAM_FREE_CLOSE);
	}
	restore_ini();
	restore_timezone();
	restore_mask();
	kept.is_open = false;
	begin_pause();
	if (kept.folder >= 0 && fchdir(kept.folder) != 0) return;
}

/*
 * A fatal error has ended the script in a request. PHP's own end comes next, and frees everything. The application's
 * own shutdown functions run then as well, in the order in which they were registered, the request's last.
 */
void hathi_reset_abandon(void)
{
	if (!kept.is_open) return;
	kept.is_open = false;
	HashTable *requests = BG(user_shutdown_function_names);
	if (kept.shutdown_functions != NULL) {
		zval *function;
		BG(user_shutdown_function_names) = kept.shutdown_functions;
		if (requests != NULL) {
			ZEND_HASH_FOREACH_VAL(requests, function) {
				zend_hash_next_index_insert(kept.shutdown_functions, function);
			} ZEND_HASH_FOREACH_END();
			requests->pDestructor = NULL;
			zend_hash_destroy(requests);
			FREE_HASHTABLE(requests);
		}
	}
	kept.shutdown_functions = NULL;
	forget_ini();
	if (kept.timezone != NULL) efree(kept.timezone);
	kept.timezone = NULL;
	for (size_t index = 0; kept.session != NULL && index < SESSION_NAMES; index++) {
		zval_ptr_dtor(&kept.session_names[index]);
		ZVAL_UNDEF(&kept.session_names[index]);
	}
	restore_mask();
}
