#include "php/kept_ini.h"

#include <stdlib.h>

#include "php/php_glue.h"

/* An ini value that the application has set. */
struct kept_value {
	zend_ini_entry *entry;
	zend_string *value;
	int modifiable;
};

static struct {
	struct kept_value *values;
	size_t count;
	size_t capacity;
} kept;

static bool keep_ini_value(zend_ini_entry *entry)
{
	if (kept.count == kept.capacity) {
		size_t capacity = kept.capacity * 2 + 16;
		struct kept_value *grown = realloc(kept.values, capacity * sizeof *grown);
		if (grown == NULL) return false;
		kept.values = grown;
		kept.capacity = capacity;
	}
	zend_string *value = entry->value == NULL ? NULL : zend_string_copy(entry->value);
	kept.values[kept.count++] = (struct kept_value){entry, value, entry->modifiable};
	return true;
}

/* Remembers the values that the application has set, before a request. */
void hathi_kept_ini_keep(void)
{
	zend_ini_entry *entry;
	if (EG(modified_ini_directives) == NULL) return;
	ZEND_HASH_FOREACH_PTR(EG(modified_ini_directives), entry) {
		if (!keep_ini_value(entry)) return;
	} ZEND_HASH_FOREACH_END();
}

/* Forgets them: PHP's own end restores php.ini's. */
void hathi_kept_ini_forget(void)
{
	for (size_t index = 0; index < kept.count; index++) {
		if (kept.values[index].value != NULL) zend_string_release(kept.values[index].value);
	}
	kept.count = 0;
}

static const struct kept_value *find_kept(const zend_ini_entry *entry)
{
	for (size_t index = 0; index < kept.count; index++) {
		if (kept.values[index].entry == entry) return kept.values + index;
	}
	return NULL;
}

/* Restores a value of the application that the request has changed. */
static void put_back(const struct kept_value *value)
{
	zend_ini_entry *entry = value->entry;
	if (!entry->modified && value->value != NULL) {
		/* The request has restored php.ini's value. */
		zend_alter_ini_entry(entry->name, value->value, ZEND_INI_SYSTEM, ZEND_INI_STAGE_ACTIVATE);
	} else if (entry->value != value->value) {
		zend_try {
			/* A refusal is ignored: the value was accepted before. */
			if (entry->on_modify != NULL)
				entry->on_modify(entry, value->value, entry->mh_arg1, entry->mh_arg2, entry->mh_arg3,
					ZEND_INI_STAGE_DEACTIVATE);
		} zend_end_try();
		if (entry->value != NULL && entry->value != entry->orig_value) zend_string_release(entry->value);
		entry->value = value->value == NULL ? NULL : zend_string_copy(value->value);
	}
	entry->modifiable = (uint8_t)value->modifiable;
}

/* Undoes the ini values that the request set, itself or through the web server. */
void hathi_kept_ini_restore(void)
{
	for (size_t index = 0; index < kept.count; index++) put_back(kept.values + index);
	HashTable *modified = EG(modified_ini_directives);
	if (modified != NULL && zend_hash_num_elements(modified) > kept.count) {
		zend_ini_entry *entry;
		/* A restored entry leaves the table; that does not disturb the iteration. */
		ZEND_HASH_FOREACH_PTR(modified, entry) {
			if (find_kept(entry) == NULL) zend_restore_ini_entry(entry->name, ZEND_INI_STAGE_DEACTIVATE);
		} ZEND_HASH_FOREACH_END();
	}
	hathi_kept_ini_forget();
}
