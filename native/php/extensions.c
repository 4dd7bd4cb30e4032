#include "php/pool_ini.h"

#include <ctype.h>
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "php/php_glue.h"

#include <ext/standard/dl.h>

/*
 * Extensions of the pool. One may need another one that is also listed. Some operators list the needed one first;
 * others list it last, because PHP-FPM loads the last one first. So an extension that cannot be loaded yet waits.
 */

/* The path where PHP looks for an extension. Returns false when it is too long. */
static bool file_of(const char *name, char *path, size_t size)
{
	const char *folder = zend_ini_string("extension_dir", sizeof "extension_dir" - 1, 0);
	int length;
	if (strchr(name, '/') != NULL || folder == NULL) {
		length = snprintf(path, size, "%s", name);
	} else {
		length = snprintf(path, size, "%s/%s.so", folder, name);
		if (length > 0 && (size_t)length < size && access(path, F_OK) != 0)
			length = snprintf(path, size, "%s/%s", folder, name);
	}
	return length > 0 && (size_t)length < size;
}

static bool is_loaded(const char *name)
{
	char *lower = strdup(name);
	if (lower == NULL) return false;
	for (char *at = lower; *at != '\0'; at++) *at = (char)tolower((unsigned char)*at);
	bool found = zend_hash_str_exists(&module_registry, lower, strlen(lower));
	free(lower);
	return found;
}

/* Whether the symbols and the extensions that it needs are loaded. The file stays open, because PHP opens it next. */
static bool can_be_loaded(const char *name)
{
	union {
		void *symbol;
		zend_module_entry *(*call)(void);
	} module;
	char path[MAXPATHLEN];
	void *file = file_of(name, path, sizeof path) ? DL_LOAD(path) : NULL;
	if (file == NULL) return false;
	module.symbol = dlsym(file, "get_module");
	const zend_module_entry *entry = module.symbol == NULL ? NULL : module.call();
	/* The entry of another API has an unknown layout; PHP itself refuses it. */
	if (entry == NULL || entry->zend_api != ZEND_MODULE_API_NO || entry->deps == NULL) return true;
	for (const zend_module_dep *needed = entry->deps; needed->name != NULL; needed++) {
		if (needed->type == MODULE_DEP_REQUIRED && !is_loaded(needed->name)) return false;
	}
	return true;
}

/* Loads an extension. PHP logs why it fails. */
static void load(struct hathi_host *host, const char *name, hathi_ini_report *report)
{
	zval loaded;
	php_dl(name, MODULE_PERSISTENT, &loaded, 1);
	zend_collect_module_handlers();
	report(host, HATHI_SETTING_PHP_ADMIN_VALUE, "extension",
		Z_TYPE(loaded) == IS_TRUE ? HATHI_INI_SET : HATHI_INI_REFUSED);
}

/*
 * The values of `extension` in one list, in the file's order. Returns their number; values beyond `room` are left
 * out.
 */
static size_t names_in(const struct hathi_settings *settings, const char *list, const char **names, size_t room)
{
	static const char key[] = "extension=";
	size_t cursor = 0;
	size_t count = 0;
	const struct hathi_setting *setting;
	while (count < room && (setting = hathi_setting_next(settings, list, &cursor)) != NULL) {
		if (strncmp(setting->value, key, sizeof key - 1) == 0) names[count++] = setting->value + sizeof key - 1;
	}
	return count;
}

/* Loads the first waiting extension that can be loaded. Returns false when none can. */
static bool load_one(struct hathi_host *host, const char **names, size_t count, hathi_ini_report *report)
{
	for (size_t index = 0; index < count; index++) {
		if (names[index] == NULL || !can_be_loaded(names[index])) continue;
		load(host, names[index], report);
		names[index] = NULL;
		return true;
	}
	return false;
}

/*
 * Loads the extensions of php_value[extension] and php_admin_value[extension]. PHP logs those that cannot be loaded.
 */
void hathi_extensions_load(struct hathi_host *host, hathi_ini_report *report)
{
	enum { MOST = 256 };
	const char *names[MOST];
	size_t count = names_in(&host->settings, HATHI_SETTING_PHP_VALUE, names, MOST);
	count += names_in(&host->settings, HATHI_SETTING_PHP_ADMIN_VALUE, names + count, MOST - count);
	while (load_one(host, names, count, report)) continue;
	for (size_t index = 0; index < count; index++) {
		if (names[index] != NULL) load(host, names[index], report);
	}
}
