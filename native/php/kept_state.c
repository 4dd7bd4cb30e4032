#include "php/kept_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "php/php_glue.h"

#include <ext/date/php_date.h>
#include <ext/session/php_session.h>
#include <ext/standard/basic_functions.h>

#include "php/request_modules.h"

enum { SESSION_NAMES = sizeof(((php_ps_globals *)NULL)->mod_user_names) / sizeof(zval) };

static struct {
	/* Of the two extensions; NULL without them. */
	php_ps_globals *session;
	zend_date_globals *date;
	/* The application's state at the start of a request. */
	HashTable *shutdown_functions;
	char *timezone;
	zval session_names[SESSION_NAMES];
	int umask_known;
	mode_t mask;
	/* Its folder; -1 if it cannot be held open. */
	int folder;
} kept = {.folder = -1};

/* Finds the extensions whose globals hold a part of the state. */
void hathi_kept_state_find(void)
{
	zend_module_entry *session = hathi_request_module_find("session");
	zend_module_entry *date = hathi_request_module_find("date");
	kept.session = session == NULL ? NULL : session->globals_ptr;
	kept.date = date == NULL ? NULL : date->globals_ptr;
}

/* The boot is over: remembers its mask and folder. */
void hathi_kept_state_end_boot(void)
{
	kept.mask = umask(0);
	umask(kept.mask);
	if (kept.folder >= 0) close(kept.folder);
	kept.folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
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
void hathi_kept_state_keep_session_handler(void)
{
	if (kept.session == NULL) return;
	const zval *names = (const zval *)&kept.session->mod_user_names;
	for (size_t index = 0; index < SESSION_NAMES; index++) ZVAL_COPY(&kept.session_names[index], names + index);
}

void hathi_kept_state_restore_session_handler(void)
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

/* Before a request. The functions that it registers for its end are apart from the application's. */
void hathi_kept_state_keep(void)
{
	kept.shutdown_functions = BG(user_shutdown_function_names);
	BG(user_shutdown_function_names) = NULL;
	keep_timezone();
	hathi_kept_state_keep_session_handler();
	keep_mask();
}

/* The request's own shutdown functions are freed: the next ones are the application's. */
void hathi_kept_state_restore_shutdown_functions(void)
{
	BG(user_shutdown_function_names) = kept.shutdown_functions;
	kept.shutdown_functions = NULL;
}

/* Undoes what the request has set. Its session handler and shutdown functions were restored before. */
void hathi_kept_state_restore(void)
{
	restore_timezone();
	restore_mask();
}

/* Goes back to the boot's folder. */
void hathi_kept_state_restore_folder(void)
{
	if (kept.folder >= 0 && fchdir(kept.folder) != 0) return;
}

/* The application's own shutdown functions come first, then the request's. */
static void join_shutdown_functions(void)
{
	HashTable *requests = BG(user_shutdown_function_names);
	if (kept.shutdown_functions == NULL) return;
	BG(user_shutdown_function_names) = kept.shutdown_functions;
	if (requests != NULL) {
		zval *function;
		ZEND_HASH_FOREACH_VAL(requests, function) {
			zend_hash_next_index_insert(kept.shutdown_functions, function);
		} ZEND_HASH_FOREACH_END();
		requests->pDestructor = NULL;
		zend_hash_destroy(requests);
		FREE_HASHTABLE(requests);
	}
	kept.shutdown_functions = NULL;
}

/*
 * A fatal error has ended the script in a request: PHP's own end frees everything. It also runs the application's own
 * shutdown functions, in the order in which they were registered, the request's last.
 */
void hathi_kept_state_abandon(void)
{
	join_shutdown_functions();
	if (kept.timezone != NULL) efree(kept.timezone);
	kept.timezone = NULL;
	for (size_t index = 0; kept.session != NULL && index < SESSION_NAMES; index++) {
		zval_ptr_dtor(&kept.session_names[index]);
		ZVAL_UNDEF(&kept.session_names[index]);
	}
	restore_mask();
}
