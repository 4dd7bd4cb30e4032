#include "php/pool_ini.h"

#include <pwd.h>
#include <string.h>

#include "php/php_glue.h"

/*
 * The pool's php_value and php_admin_value. Much of PHP reads a setting only when it starts: OPcache its memory and
 * the script to preload, others theirs. So the values stand among those of php.ini while PHP starts, and are removed
 * afterwards, because get_cfg_var() shows php.ini's values. Then they become the master values of their entries.
 */

/* php.ini's value where the pool has another one; undefined where php.ini has none. */
struct replaced {
	zend_string *name;
	zval value;
};

static struct replaced *replaced;
static size_t replaced_count;

/* Saves the entry of that name before its first change. Returns false when there is no memory. */
static bool remember(zend_string *name, const zval *entry)
{
	for (size_t index = 0; index < replaced_count; index++) {
		if (zend_string_equals(replaced[index].name, name)) return true;
	}
	struct replaced *grown = realloc(replaced, (replaced_count + 1) * sizeof *grown);
	if (grown == NULL) return false;
	replaced = grown;
	replaced[replaced_count].name = name;
	if (entry == NULL) ZVAL_UNDEF(&replaced[replaced_count].value);
	else ZVAL_COPY_VALUE(&replaced[replaced_count].value, entry);
	replaced_count++;
	return true;
}

/* Strings are interned while PHP starts, and stay. */
static zend_string *permanent(const char *text, size_t length)
{
	return zend_new_interned_string(zend_string_init(text, length, 1));
}

static void announce_value(const char *name, size_t name_length, const char *value)
{
	HashTable *configuration = php_ini_get_configuration_hash();
	zend_string *key = permanent(name, name_length);
	zval text;
	ZVAL_STR(&text, permanent(value, strlen(value)));
	zval *entry = zend_hash_find(configuration, key);
	if (!remember(key, entry)) return;
	if (entry == NULL) zend_hash_add_new(configuration, key, &text);
	else ZVAL_COPY_VALUE(entry, &text);
}

typedef void use_value(struct hathi_host *host, const struct hathi_setting *setting, const char *equals);

/*
 * Calls `use` for php_value, then php_admin_value, each list backwards: admin wins over value, and the first of a
 * name wins.
 */
static void for_each_value(struct hathi_host *host, use_value *use)
{
	static const char *const lists[] = {HATHI_SETTING_PHP_VALUE, HATHI_SETTING_PHP_ADMIN_VALUE};
	for (size_t list = 0; list < sizeof lists / sizeof *lists; list++) {
		size_t cursor = host->settings.count;
		const struct hathi_setting *setting;
		while ((setting = hathi_setting_previous(&host->settings, lists[list], &cursor)) != NULL) {
			const char *equals = strchr(setting->value, '=');
			bool is_extension = strncmp(setting->value, "extension=", sizeof "extension=" - 1) == 0;
			if (equals != NULL && !is_extension) use(host, setting, equals);
		}
	}
}

static void announce(struct hathi_host *host, const struct hathi_setting *setting, const char *equals)
{
	(void)host;
	announce_value(setting->value, (size_t)(equals - setting->value), equals + 1);
}

/*
 * OPcache refuses to preload as root, and the code belongs to the pool's user. Returns the user's name to be set when
 * the configuration names none; NULL otherwise.
 */
static const char *preload_user(struct hathi_host *host, const char *script, const char *user)
{
	long long uid;
	if (script == NULL || *script == '\0' || (user != NULL && *user != '\0')) return NULL;
	if (!hathi_setting_flag(&host->settings, HATHI_SETTING_ROOT)) return NULL;
	if (!hathi_setting_number(&host->settings, HATHI_SETTING_UID, &uid) || uid == 0) return NULL;
	const struct passwd *entry = getpwuid((uid_t)uid);
	return entry == NULL ? NULL : entry->pw_name;
}

/* Call this after PHP has read php.ini and before its modules start. */
void hathi_pool_ini_announce(struct hathi_host *host)
{
	const char *script = NULL;
	const char *named = NULL;
	for_each_value(host, announce);
	cfg_get_string("opcache.preload", (char **)(uintptr_t)&script);
	cfg_get_string("opcache.preload_user", (char **)(uintptr_t)&named);
	const char *user = preload_user(host, script, named);
	if (user != NULL) announce_value("opcache.preload_user", sizeof "opcache.preload_user" - 1, user);
}

/* Restores php.ini's values for get_cfg_var(). */
static void take_back(void)
{
	HashTable *configuration = php_ini_get_configuration_hash();
	for (size_t index = 0; index < replaced_count; index++) {
		zval *entry = zend_hash_find(configuration, replaced[index].name);
		if (entry == NULL) continue;
		if (Z_TYPE(replaced[index].value) == IS_UNDEF) zend_hash_del(configuration, replaced[index].name);
		else ZVAL_COPY_VALUE(entry, &replaced[index].value);
	}
	free(replaced);
	replaced = NULL;
	replaced_count = 0;
}

#if PHP_VERSION_ID < 80500
static void disable_classes(const char *list)
{
	char *copy = strdup(list);
	char *state;
	if (copy == NULL) return;
	for (char *name = strtok_r(copy, ", ", &state); name != NULL; name = strtok_r(NULL, ", ", &state))
		zend_disable_class(name, strlen(name));
	free(copy);
}
#endif

/* Carries out the two settings that are orders, not values. */
void hathi_ini_disable(const char *name, const char *value)
{
	if (strcmp(name, "disable_functions") == 0) zend_disable_functions(value);
#if PHP_VERSION_ID < 80500
	if (strcmp(name, "disable_classes") == 0) disable_classes(value);
#endif
}

/*
 * Makes a value the master value of its entry. PHP's own function would restore the old value and lock at the end of
 * the first request. A value that its handler refuses leaves the old one.
 */
static enum hathi_ini_outcome set_for_good(const char *name, const char *value, int mode, int stage)
{
	zend_ini_entry *entry = zend_hash_str_find_ptr(EG(ini_directives), name, strlen(name));
	if (entry == NULL) return HATHI_INI_UNKNOWN;
	/* PHP has already started with this value. */
	bool is_set = entry->value != NULL && zend_string_equals_cstr(entry->value, value, strlen(value));
	/* At its start OPcache moves the values of entries into its own memory, and frees those that are not interned. */
	bool is_starting = stage == ZEND_INI_STAGE_STARTUP;
	zend_string *text = is_set ? entry->value
		: is_starting ? permanent(value, strlen(value)) : zend_string_init(value, strlen(value), 1);
	if (!is_set) {
		if (!is_starting) GC_MAKE_PERSISTENT_LOCAL(text);
		bool taken = entry->on_modify == NULL ||
			entry->on_modify(entry, text, entry->mh_arg1, entry->mh_arg2, entry->mh_arg3, stage) == SUCCESS;
		if (!taken) {
			zend_string_release(text);
			return HATHI_INI_REFUSED;
		}
	}
	/* The old text is not freed: handlers keep pointers into their values. */
	entry->value = text;
	if (mode == ZEND_INI_SYSTEM) entry->modifiable = ZEND_INI_SYSTEM;
	return HATHI_INI_SET;
}

/* As PHP-FPM does, reports an unknown name and not a refused value. */
static void note_unknown(struct hathi_host *host, const char *setting, const char *name, enum hathi_ini_outcome outcome)
{
	if (outcome == HATHI_INI_UNKNOWN) hathi_note(&host->notes, HATHI_ERROR, "Unable to set %s '%s'", setting, name);
}

static hathi_ini_report *tell = note_unknown;

/* Reports the outcome of each value to this function instead of the workers' log. */
void hathi_pool_ini_report_to(hathi_ini_report *report)
{
	tell = report;
}

static int mode_of(const struct hathi_setting *setting)
{
	return strcmp(setting->name, HATHI_SETTING_PHP_VALUE) == 0 ? ZEND_INI_USER : ZEND_INI_SYSTEM;
}

static void apply(struct hathi_host *host, const struct hathi_setting *setting, const char *equals)
{
	char *name = strndup(setting->value, (size_t)(equals - setting->value));
	if (name == NULL) return;
	int mode = mode_of(setting);
	hathi_ini_disable(name, equals + 1);
	tell(host, setting->name, name, set_for_good(name, equals + 1, mode, ZEND_INI_STAGE_ACTIVATE));
	free(name);
}

/* apply() reports unknown names. opcache.enable does not matter to OPcache's start. */
static void set_for_opcache(struct hathi_host *host, const struct hathi_setting *setting, const char *equals)
{
	(void)host;
	char *name = strndup(setting->value, (size_t)(equals - setting->value));
	bool is_early = name != NULL && strncmp(name, "opcache.", sizeof "opcache." - 1) == 0;
	if (is_early && strcmp(name, "opcache.enable") != 0)
		set_for_good(name, equals + 1, mode_of(setting), ZEND_INI_STAGE_STARTUP);
	free(name);
}

/*
 * For a host that a template made: modules have started without the pool's values, as in PHP-FPM, but OPcache has
 * not, and reads its own from here on.
 */
void hathi_pool_ini_before_opcache(struct hathi_host *host)
{
	for_each_value(host, set_for_opcache);
	const char *user = preload_user(host, zend_ini_string("opcache.preload", sizeof "opcache.preload" - 1, 0),
		zend_ini_string("opcache.preload_user", sizeof "opcache.preload_user" - 1, 0));
	if (user != NULL) set_for_good("opcache.preload_user", user, ZEND_INI_SYSTEM, ZEND_INI_STAGE_STARTUP);
}

/* Call this when PHP has started: loads the pool's extensions and makes its values permanent. */
void hathi_pool_ini_apply(struct hathi_host *host)
{
	/* Outside of a request there is no place for strings of a request, and a module's names stay forever. */
	zend_interned_strings_switch_storage(0);
	/* A template has announced nothing, but extensions loaded now read their values from there. */
	if (replaced_count == 0) for_each_value(host, announce);
	hathi_extensions_load(host, tell);
	zend_interned_strings_switch_storage(1);
	take_back();
	for_each_value(host, apply);
}
