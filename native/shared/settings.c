#include "shared/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Adds one setting. Returns false when there is no memory. */
bool hathi_settings_add(struct hathi_settings *settings, const char *name, const uint8_t *value, size_t length)
{
	if (settings->count == settings->capacity) {
		size_t wanted = settings->capacity == 0 ? 64 : settings->capacity * 2;
		struct hathi_setting *grown = realloc(settings->list, wanted * sizeof *grown);
		if (grown == NULL) return false;
		settings->list = grown;
		settings->capacity = wanted;
	}
	struct hathi_setting *setting = settings->list + settings->count;
	setting->name = strdup(name);
	setting->value = malloc(length + 1);
	setting->length = length;
	if (setting->name == NULL || setting->value == NULL) return false;
	if (length > 0) memcpy(setting->value, value, length);
	setting->value[length] = '\0';
	settings->count++;
	return true;
}

/* Removes all settings and frees their memory. */
void hathi_settings_clear(struct hathi_settings *settings)
{
	for (size_t index = 0; index < settings->count; index++) {
		free(settings->list[index].name);
		free(settings->list[index].value);
	}
	free(settings->list);
	*settings = (struct hathi_settings){0};
}

/* The next setting of that name at or behind *cursor, which moves behind it; NULL when there is no more. */
const struct hathi_setting *hathi_setting_next(const struct hathi_settings *settings, const char *name, size_t *cursor)
{
	while (*cursor < settings->count) {
		const struct hathi_setting *setting = settings->list + (*cursor)++;
		if (strcmp(setting->name, name) == 0) return setting;
	}
	return NULL;
}

/* The same backwards: the one before *cursor, which starts at `count`. */
const struct hathi_setting *hathi_setting_previous(const struct hathi_settings *settings, const char *name,
	size_t *cursor)
{
	while (*cursor > 0) {
		const struct hathi_setting *setting = settings->list + --(*cursor);
		if (strcmp(setting->name, name) == 0) return setting;
	}
	return NULL;
}

/* The last value of that name; NULL when it is missing or empty. */
const char *hathi_setting_text(const struct hathi_settings *settings, const char *name)
{
	size_t cursor = settings->count;
	const struct hathi_setting *setting = hathi_setting_previous(settings, name, &cursor);
	return setting == NULL || setting->length == 0 ? NULL : setting->value;
}

bool hathi_setting_flag(const struct hathi_settings *settings, const char *name)
{
	const char *text = hathi_setting_text(settings, name);
	return text != NULL && strcmp(text, "1") == 0;
}

/* Reads a number into *value. Returns false, and leaves *value alone, when the setting is missing or no number. */
bool hathi_setting_number(const struct hathi_settings *settings, const char *name, long long *value)
{
	const char *text = hathi_setting_text(settings, name);
	if (text == NULL) return false;
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0') return false;
	*value = number;
	return true;
}

/* The first required setting that the master did not send; NULL when all are there. */
const char *hathi_setting_missing(const struct hathi_settings *settings)
{
	static const char *const required[] = HATHI_SETTINGS_REQUIRED;
	for (size_t index = 0; index < sizeof required / sizeof *required; index++) {
		size_t cursor = 0;
		if (hathi_setting_next(settings, required[index], &cursor) == NULL) return required[index];
	}
	return NULL;
}

static bool set_variable(const struct hathi_setting *setting)
{
	char *equals = strchr(setting->value, '=');
	if (equals == NULL || equals == setting->value) return true;
	*equals = '\0';
	bool done = setenv(setting->value, equals + 1, 1) == 0;
	*equals = '=';
	return done;
}

/* Whether the pool's own environment sets the name. */
static bool has_own(const struct hathi_settings *settings, const char *name)
{
	size_t cursor = 0;
	size_t length = strlen(name);
	const struct hathi_setting *setting;
	while ((setting = hathi_setting_next(settings, HATHI_SETTING_ENV, &cursor)) != NULL) {
		if (strncmp(setting->value, name, length) == 0 && setting->value[length] == '=') return true;
	}
	return false;
}

/*
 * Makes the environment of the workers: inherited variables, the pool's own, of which the first of a name wins, then
 * USER and HOME. Scripts see that order. Returns false when there is no memory.
 */
bool hathi_settings_environment(const struct hathi_settings *settings)
{
	static const struct { const char *variable; const char *setting; } own[] = {
		{"USER", HATHI_SETTING_ENV_USER},
		{"HOME", HATHI_SETTING_ENV_HOME},
	};
	if (clearenv() != 0) return false;
	size_t cursor = 0;
	const struct hathi_setting *setting;
	while ((setting = hathi_setting_next(settings, HATHI_SETTING_ENV_INHERITED, &cursor)) != NULL) {
		if (!set_variable(setting)) return false;
	}
	cursor = settings->count;
	while ((setting = hathi_setting_previous(settings, HATHI_SETTING_ENV, &cursor)) != NULL) {
		if (!set_variable(setting)) return false;
	}
	for (size_t index = 0; index < sizeof own / sizeof *own; index++) {
		const char *value = hathi_setting_text(settings, own[index].setting);
		if (value != NULL && !has_own(settings, own[index].variable) && setenv(own[index].variable, value, 1) != 0) return false;
	}
	return true;
}
