/* The pool's settings: names and values in the configuration's order. */
#ifndef HATHI_SETTINGS_H
#define HATHI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/setting_names.h"

struct hathi_setting {
	char *name;
	char *value;
	size_t length;
};

struct hathi_settings {
	struct hathi_setting *list;
	size_t count;
	size_t capacity;
};

bool hathi_settings_add(struct hathi_settings *settings, const char *name, const uint8_t *value, size_t length);
void hathi_settings_clear(struct hathi_settings *settings);
const char *hathi_setting_text(const struct hathi_settings *settings, const char *name);
const struct hathi_setting *hathi_setting_next(const struct hathi_settings *settings, const char *name, size_t *cursor);
const struct hathi_setting *hathi_setting_previous(const struct hathi_settings *settings, const char *name,
	size_t *cursor);
bool hathi_setting_flag(const struct hathi_settings *settings, const char *name);
bool hathi_setting_number(const struct hathi_settings *settings, const char *name, long long *value);
const char *hathi_setting_missing(const struct hathi_settings *settings);
bool hathi_settings_environment(const struct hathi_settings *settings);

#endif
