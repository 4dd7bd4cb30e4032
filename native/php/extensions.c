#include "php/pool_ini.h"

#include <ctype.h>
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "php/php_glue.h"

#include <ext/standard/dl.h>

/*
 * Extensions of the pool. One may need another one that is named with it: the file's order serves those who know that,
 * and PHP-FPM's, which loads the last one first, those who found out by trying. So what cannot be loaded yet waits.
 */

/* Where PHP looks for it. Returns false when the path is too long. */
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

/* Whether the symbols and the extensions that it needs are there. The file stays open: PHP opens it next. */
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
	/* The layout of another API's is not known; PHP refuses it by itself. */
	if (entry == NULL || entry->zend_api != ZEND_MODULE_API_NO || entry->deps == NULL) return true;
	for (const zend_module_dep *needed = entry->deps; needed->name != NULL; needed++) {
		if (needed->type == MODULE_DEP_REQUIRED && !is_loaded(needed->name)) return false;
	}
	return true;
}

/* PHP says why it does not work. */
static void load(struct hathi_host *host, const char *name, hathi_ini_report *report)
{
	zval loaded;
	php_dl(name, MODULE_PERSISTENT, &loaded, 1);
	zend_collect_module_handlers();
	report(host, HATHI_SETTING_PHP_ADMIN_VALUE, "extension",
		Z_TYPE(loaded) == IS_TRUE ? HATHI_INI_SET : HATHI_INI_REFUSED);
}

/* The values of `extension` in one list, in the file's order. Returns their number; more than there is room for are left out. */
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

/* Loads the first of those that wait which can be loaded. Returns false when there is none. */
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

/* Loads what php_value[extension] and php_admin_value[extension] name. What cannot be loaded PHP complains about. */
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
