#include "php/php_start.h"

#include <libgen.h>
#include <string.h>
#include <unistd.h>

#include "php/module.h"
#include "php/pool_ini.h"
#include "php/programs.h"
#include "php/sapi.h"
#include "host/setup.h"
#include "host/template.h"
#include "shared/process.h"
#include "worker/calls.h"

#include <zend_extensions.h>

/*
 * PHP's start in the host. PHP has its own rules for finding ini files. The master has already found them (setting
 * php.ini), so PHP is led to the same files.
 */

/* A folder without a php.ini, which PHP gets when there is no main file. */
static const char no_ini_folder[] = "/proc";

static char *folder_of(const char *path)
{
	char *copy = strdup(path);
	char *folder = copy == NULL ? NULL : strdup(dirname(copy));
	free(copy);
	return folder;
}

/* The scan folders of the ini files, each once, separated by colons. */
static char *scan_folders(const struct hathi_settings *settings, size_t cursor)
{
	char *list = strdup("");
	const struct hathi_setting *file;
	while (list != NULL && (file = hathi_setting_next(settings, HATHI_SETTING_PHP_INI, &cursor)) != NULL) {
		char *folder = folder_of(file->value);
		char *known = folder == NULL ? NULL : strstr(list, folder);
		size_t length = folder == NULL ? 0 : strlen(folder);
		bool is_known = known != NULL && (known[length] == ':' || known[length] == '\0') &&
			(known == list || known[-1] == ':');
		if (folder != NULL && !is_known) {
			char *longer = malloc(strlen(list) + length + 2);
			if (longer != NULL) sprintf(longer, "%s%s%s", list, *list == '\0' ? "" : ":", folder);
			free(list);
			list = longer;
		}
		free(folder);
	}
	return list;
}

/* Whether there is a main file: the first file is not in the scan folder. */
static bool has_main_file(const struct hathi_settings *settings)
{
	size_t cursor = 0;
	const struct hathi_setting *first = hathi_setting_next(settings, HATHI_SETTING_PHP_INI, &cursor);
	const struct hathi_setting *second = hathi_setting_next(settings, HATHI_SETTING_PHP_INI, &cursor);
	if (second == NULL) return true;
	char *one = folder_of(first->value);
	char *other = folder_of(second->value);
	bool differs = one != NULL && other != NULL && strcmp(one, other) != 0;
	free(one);
	free(other);
	return differs;
}

static void choose_ini_files(struct hathi_host *host)
{
	size_t cursor = 0;
	const struct hathi_setting *first = hathi_setting_next(&host->settings, HATHI_SETTING_PHP_INI, &cursor);
	if (first == NULL) {
		hathi_sapi.php_ini_ignore = 1;
		return;
	}
	bool has_main = has_main_file(&host->settings);
	hathi_sapi.php_ini_path_override = strdup(has_main ? first->value : no_ini_folder);
	char *folders = scan_folders(&host->settings, has_main ? cursor : 0);
	if (folders == NULL) hathi_host_fail(host, "no memory for the ini files");
	/* An empty list keeps PHP out of its built-in folder. */
	setenv("PHP_INI_SCAN_DIR", folders, 1);
	free(folders);
}

/*
 * The -d definitions as ini text. Like php-fpm this quotes a value unless it starts with a letter, a digit or a
 * quote.
 */
static void choose_defines(struct hathi_host *host)
{
	size_t cursor = 0;
	const struct hathi_setting *define;
	char *text = NULL;
	size_t length = 0;
	while ((define = hathi_setting_next(&host->settings, HATHI_SETTING_PHP_DEFINE, &cursor)) != NULL) {
		char *grown = realloc(text, length + define->length + 8);
		if (grown == NULL) hathi_host_fail(host, "no memory for the -d definitions");
		text = grown;
		const char *equals = strchr(define->value, '=');
		char first = equals == NULL ? '\0' : equals[1];
		if (equals == NULL) length += (size_t)sprintf(text + length, "%s=1\n", define->value);
		else if (isalnum((unsigned char)first) || first == '"' || first == '\'' || first == '\0')
			length += (size_t)sprintf(text + length, "%s\n", define->value);
		else
			length += (size_t)sprintf(text + length, "%.*s=\"%s\"\n", (int)(equals - define->value), define->value,
				equals + 1);
	}
	hathi_sapi.ini_entries = text;
}

/*
 * PHP_BINARY: the program that hosts the engine, if it is PHP's command line. A script can run other scripts with it,
 * which it cannot do with php-fpm.
 */
static void choose_program(void)
{
	static char program[4096];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
	if (length <= 0) return;
	program[length] = '\0';
	const char *name = strrchr(program, '/');
	if (name != NULL && strncmp(name, "/php", 4) == 0) hathi_sapi.executable_location = program;
}

static int (*register_extensions)(void);
/* The host whose PHP starts, since PHP passes the callback no argument; NULL for a probe. */
static struct hathi_host *starting;

/*
 * Removes a module before it starts. PHP numbers a new module by their count, so the last module gets the freed
 * number. Otherwise the next new module would share the last one's number, and with it its constants and ini entries.
 */
static void remove_module(const char *name)
{
	const zend_module_entry *module = zend_hash_str_find_ptr(&module_registry, name, strlen(name));
	if (module == NULL) return;
	int number = module->module_number;
	zend_unregister_functions(module->functions, -1, NULL);
	zend_hash_str_del(&module_registry, name, strlen(name));
	zend_module_entry *last = NULL;
	zend_module_entry *other;
	ZEND_HASH_FOREACH_PTR(&module_registry, other) {
		if (last == NULL || other->module_number > last->module_number) last = other;
	} ZEND_HASH_FOREACH_END();
	if (last != NULL && last->module_number > number) last->module_number = number;
}

/*
 * PHP's command line has more built in than php-fpm. With pcntl a script could fork its worker, and chroot() exists
 * in the command line only. Functions exist since their module was registered, so they are removed one by one. A
 * pcntl that php.ini loads stays: the operator wants it.
 */
static int register_web_extensions(void)
{
	int result = register_extensions();
	remove_module("pcntl");
	zend_hash_str_del(CG(function_table), "chroot", sizeof "chroot" - 1);
	if (starting != NULL) hathi_pool_ini_announce(starting);
	return result;
}

/* Refuses a PHP that this object was not compiled for. */
static void check_build(struct hathi_host *host)
{
	zend_module_entry *standard = zend_hash_str_find_ptr(&module_registry, "standard", sizeof "standard" - 1);
	if (standard == NULL || strcmp(standard->build_id, ZEND_MODULE_BUILD_ID) != 0)
		hathi_host_fail(host, "this engine was built for %s, the PHP that hosts it is %s: run \"hathi build\"",
			ZEND_MODULE_BUILD_ID, standard == NULL ? "unknown" : standard->build_id);
}

static int start_modules(void)
{
#if PHP_VERSION_ID < 80200
	return php_module_startup(&hathi_sapi, &hathi_module, 1);
#else
	return php_module_startup(&hathi_sapi, &hathi_module);
#endif
}

/* For "hathi build": prints which PHP the engine runs in. Returns the exit code. */
int hathi_php_probe(void)
{
	zend_signal_startup();
	sapi_startup(&hathi_sapi);
	hathi_sapi.php_ini_ignore = 1;
	if (start_modules() != SUCCESS) return HATHI_EXIT_FAILED;
	const zend_module_entry *standard = zend_hash_str_find_ptr(&module_registry, "standard", sizeof "standard" - 1);
	if (standard == NULL) return HATHI_EXIT_FAILED;
	printf("hathi engine: built for PHP %s (%s), hosted by PHP %s (%s)\n", PHP_VERSION, ZEND_MODULE_BUILD_ID,
		standard->version, standard->build_id);
	fflush(stdout);
	_exit(0);
}

/* Starts PHP with the pool's ini values. Ends the process with a reason for the master when that fails. */
void hathi_php_start(struct hathi_host *host)
{
	choose_ini_files(host);
	choose_program();
	hathi_config_folder();
	starting = host;
	register_extensions = php_register_internal_extensions_func;
	php_register_internal_extensions_func = register_web_extensions;
	zend_signal_startup();
	sapi_startup(&hathi_sapi);
	/* sapi_startup() resets definitions that were set before it. */
	choose_defines(host);
	int started = start_modules();
	if (started != SUCCESS)
		hathi_host_fail(host, "PHP could not be started; its own messages are in the log before this one");
	check_build(host);
	hathi_template_await_pool(host);
	hathi_pool_ini_apply(host);
	hathi_calls_lead_here();
}

static void add_extension(zend_extension *extension, void *stream)
{
	fprintf(stream, "extension=%s\n", extension->name);
}

/* Announces engine, PHP version and extensions to the master. */
void hathi_php_announce(struct hathi_host *host)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);
	if (stream == NULL) hathi_host_fail(host, "no memory to say what runs");
	const char *version = zend_hash_str_exists(&module_registry, "standard", sizeof "standard" - 1)
		? ((zend_module_entry *)zend_hash_str_find_ptr(&module_registry, "standard", sizeof "standard" - 1))->version
		: PHP_VERSION;
	fprintf(stream, "engine=native\nsapi=fpm-fcgi\nphp=%s\ndetail=PHP %s, native workers\nexpose_php=%d\n", version,
		version, PG(expose_php) ? 1 : 0);
	zend_module_entry *module;
	ZEND_HASH_FOREACH_PTR(&module_registry, module) {
		fprintf(stream, "extension=%s\n", module->name);
	} ZEND_HASH_FOREACH_END();
	zend_llist_apply_with_argument(&zend_extensions, (llist_apply_with_arg_func_t)add_extension, stream);
	fclose(stream);
	hathi_channel_say(&host->channel, text, length, "ready");
	free(text);
}
