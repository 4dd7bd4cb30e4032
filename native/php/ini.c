#include "php/pool_ini.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "php/php_glue.h"

#include <zend_ini_parser.h>
#include <zend_ini_scanner.h>


#include "worker/log.h"

/* ini values of one request: from the web server, sections of php.ini, and .user.ini files. */

/* --- a request's: PHP_VALUE and PHP_ADMIN_VALUE --------------------------------------------------------------- */

struct request_level {
	struct hathi_worker *worker;
	int mode;
};

static const char passing[] = "Passing INI directive through FastCGI:";

static void on_request_entry(zval *name, zval *value, zval *index, int type, void *argument)
{
	(void)index;
	const struct request_level *level = argument;
	if (type != ZEND_INI_PARSER_ENTRY) {
		hathi_worker_log(level->worker, HATHI_ERROR, "%s only classic entries are allowed", passing);
		return;
	}
	const char *key = name == NULL ? "" : Z_STRVAL_P(name);
	if (*key == '\0') {
		hathi_worker_log(level->worker, HATHI_ERROR, "%s empty key", passing);
		return;
	}
	if (value == NULL) {
		hathi_worker_log(level->worker, HATHI_ERROR, "%s empty value for key '%s'", passing, key);
		return;
	}
	bool cannot_be_undone = strcmp(key, "disable_functions") == 0 || strcmp(key, "disable_classes") == 0;
	if (cannot_be_undone) {
		/* The next request must not suffer from it. */
		hathi_ini_disable(key, Z_STRVAL_P(value));
		/* PHP has already counted its own functions for this request, and removes all later ones at its end. */
		EG(persistent_functions_count) = EG(function_table)->nNumUsed;
		level->worker->retires = true;
	}
	/* At this stage PHP restores the value and its lock at the end of the request. */
	if (zend_alter_ini_entry_chars(Z_STR_P(name), Z_STRVAL_P(value), Z_STRLEN_P(value), level->mode,
		ZEND_INI_STAGE_ACTIVATE) == FAILURE && !cannot_be_undone)
		hathi_worker_log(level->worker, HATHI_ERROR, "%s unable to set '%s'", passing, key);
}

static void apply_request_values(struct hathi_request *request, const char *variable, int mode)
{
	const char *text = hathi_params_get(&request->params, variable);
	if (text == NULL) return;
	/* The scanner writes into the text and needs a final newline. */
	size_t length = strlen(text);
	char *copy = emalloc(length + 2);
	memcpy(copy, text, length);
	copy[length] = '\n';
	copy[length + 1] = '\0';
	struct request_level level = {.worker = request->worker, .mode = mode};
	zend_parse_ini_string(copy, 1, ZEND_INI_SCANNER_NORMAL, on_request_entry, &level);
	efree(copy);
}

/* --- .user.ini ------------------------------------------------------------------------------------------------ */

struct user_ini {
	double expires;
	HashTable values;
};

static HashTable user_ini_files;

static void free_user_value(zval *value)
{
	if (Z_TYPE_P(value) == IS_ARRAY) {
		zend_hash_destroy(Z_ARRVAL_P(value));
		free(Z_ARR_P(value));
	} else if (Z_TYPE_P(value) == IS_STRING) {
		zend_string_release_ex(Z_STR_P(value), 1);
	}
}

static void free_user_ini(zval *entry)
{
	struct user_ini *file = Z_PTR_P(entry);
	zend_hash_destroy(&file->values);
	free(file);
}

static struct user_ini *find_user_ini(const char *folder, size_t length)
{
	if (user_ini_files.nTableSize == 0) zend_hash_init(&user_ini_files, 8, NULL, free_user_ini, 1);
	struct user_ini *file = zend_hash_str_find_ptr(&user_ini_files, folder, length);
	if (file != NULL) return file;
	file = calloc(1, sizeof *file);
	if (file == NULL) return NULL;
	zend_hash_init(&file->values, 8, NULL, free_user_value, 1);
	zend_hash_str_add_ptr(&user_ini_files, folder, length, file);
	return file;
}

/* Drops sections and arrays: PHP would take them for texts. */
static int keep_text(zval *value)
{
	return Z_TYPE_P(value) == IS_STRING ? ZEND_HASH_APPLY_KEEP : ZEND_HASH_APPLY_REMOVE;
}

/* Applies one folder's file, and reads it again when its copy is older than user_ini.cache_ttl. */
static void apply_user_ini(const char *folder, size_t length)
{
	struct user_ini *file = find_user_ini(folder, length);
	if (file == NULL) return;
	double now = sapi_get_request_time();
	if (now > file->expires) {
		zend_hash_clean(&file->values);
		php_parse_user_ini_file(folder, PG(user_ini_filename), &file->values);
		zend_hash_apply(&file->values, keep_text);
		file->expires = now + (double)PG(user_ini_cache_ttl);
	}
	php_ini_activate_config(&file->values, PHP_INI_PERDIR, PHP_INI_STAGE_HTACCESS);
}

/*
 * Applies the files from the document root down to the script's folder if that lies below it, otherwise that folder's
 * alone. Like PHP-FPM this compares texts and resolves no links: where the document root is a link, it is one in the
 * script's path as well. No file is read in a folder above the root, unless the root ends in a slash.
 */
static void apply_user_inis(struct hathi_request *request, char *folder, size_t length)
{
	const char *root = hathi_params_get(&request->params, "DOCUMENT_ROOT");
	if (root == NULL || PG(user_ini_filename) == NULL || *PG(user_ini_filename) == '\0') return;
	char real[PATH_MAX];
	if (*folder != '/') {
		if (VCWD_REALPATH(folder, real) == NULL) return;
		folder = real;
		length = strlen(real);
	}
	size_t root_length = strlen(root);
	if (root_length > 0 && root[root_length - 1] == '/') root_length--;
	bool is_longer = length > root_length;
	bool is_below = is_longer && strncmp(root, folder, root_length) == 0;
	if (!is_below) {
		bool is_above = !is_longer && strncmp(folder, root, length) == 0 && root[root_length] == '\0';
		if (!is_above) apply_user_ini(folder, length - (folder[length - 1] == '/'));
		return;
	}
	for (char *slash = folder + root_length; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		apply_user_ini(folder, (size_t)(slash - folder));
		*slash = '/';
	}
}

static void apply_host_sections(struct hathi_request *request)
{
	const char *server = hathi_params_get(&request->params, "SERVER_NAME");
	if (server == NULL || !php_ini_has_per_host_config()) return;
	char *lower = estrdup(server);
	for (char *at = lower; *at != '\0'; at++) *at = (char)tolower((unsigned char)*at);
	php_ini_activate_per_host_config(lower, strlen(lower));
	efree(lower);
}

/* Applies all values of one request; later ones win. Called while PHP starts the request. */
void hathi_ini_activate(struct hathi_request *request)
{
	apply_request_values(request, "PHP_VALUE", ZEND_INI_USER);
	apply_request_values(request, "PHP_ADMIN_VALUE", ZEND_INI_SYSTEM);
	/* An application has been booted with the others. */
	if (request->is_handled) return;
	const char *script = SG(request_info).path_translated;
	const char *slash = script == NULL ? NULL : strrchr(script, '/');
	if (slash == NULL) return;
	apply_host_sections(request);
	size_t length = (size_t)(slash + 1 - script);
	char *folder = estrndup(script, length);
	if (php_ini_has_per_dir_config()) php_ini_activate_per_dir_config(folder, length);
	apply_user_inis(request, folder, length);
	efree(folder);
}
