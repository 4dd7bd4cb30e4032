#include "php/audit_roots.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MOST = 1024 };

static void add_class(zend_class_entry *class, hathi_audit_add_root *add)
{
	char name[NAME_MOST];
	zend_property_info *property;
	zend_function *method;
	zend_string *key;
	zval *variable;
	zval *statics = class->default_static_members_count == 0 ? NULL : CE_STATIC_MEMBERS(class);
	if (statics != NULL) {
		ZEND_HASH_FOREACH_STR_KEY_PTR(&class->properties_info, key, property) {
			if ((property->flags & ZEND_ACC_STATIC) == 0 || property->ce != class) continue;
			int length = snprintf(name, sizeof name, "%s::$%s", ZSTR_VAL(class->name), ZSTR_VAL(key));
			add(statics + property->offset, name, length);
		} ZEND_HASH_FOREACH_END();
	}
	ZEND_HASH_FOREACH_PTR(&class->function_table, method) {
		if (method->type != ZEND_USER_FUNCTION || method->common.scope != class) continue;
		HashTable *table = ZEND_MAP_PTR_GET(method->op_array.static_variables_ptr);
		if (table == NULL) continue;
		ZEND_HASH_FOREACH_STR_KEY_VAL(table, key, variable) {
			int length = snprintf(name, sizeof name, "%s::%s() static $%s", ZSTR_VAL(class->name),
				ZSTR_VAL(method->common.function_name), ZSTR_VAL(key));
			add(variable, name, length);
		} ZEND_HASH_FOREACH_END();
	} ZEND_HASH_FOREACH_END();
}

static void add_classes(hathi_audit_add_root *add)
{
	zend_class_entry *class;
	zend_string *key;
	ZEND_HASH_FOREACH_STR_KEY_PTR(EG(class_table), key, class) {
		/* Another key than its name's is an alias, or a class that is not declared yet. */
		bool is_own = key != NULL && ZSTR_LEN(key) == ZSTR_LEN(class->name) &&
			zend_binary_strcasecmp(ZSTR_VAL(key), ZSTR_LEN(key), ZSTR_VAL(class->name), ZSTR_LEN(class->name)) == 0;
		if (is_own && class->type == ZEND_USER_CLASS) add_class(class, add);
	} ZEND_HASH_FOREACH_END();
}

static void add_functions(hathi_audit_add_root *add)
{
	char name[NAME_MOST];
	zend_function *function;
	zend_string *key;
	zval *variable;
	ZEND_HASH_FOREACH_PTR(EG(function_table), function) {
		if (function->type != ZEND_USER_FUNCTION) continue;
		HashTable *table = ZEND_MAP_PTR_GET(function->op_array.static_variables_ptr);
		if (table == NULL) continue;
		ZEND_HASH_FOREACH_STR_KEY_VAL(table, key, variable) {
			int length = snprintf(name, sizeof name, "%s() static $%s", ZSTR_VAL(function->common.function_name), ZSTR_VAL(key));
			add(variable, name, length);
		} ZEND_HASH_FOREACH_END();
	} ZEND_HASH_FOREACH_END();
}

/* Superglobals of a request are filled anew for the next one. */
static bool is_of_request(const zend_string *name)
{
	static const char *const names[] = {"_GET", "_POST", "_COOKIE", "_FILES", "_SERVER", "_REQUEST", "GLOBALS"};
	for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
		if (strcmp(ZSTR_VAL(name), names[index]) == 0) return true;
	}
	return false;
}

static void add_globals(hathi_audit_add_root *add)
{
	char name[NAME_MOST];
	zend_string *key;
	zval *value;
	ZEND_HASH_FOREACH_STR_KEY_VAL(&EG(symbol_table), key, value) {
		if (key == NULL || is_of_request(key)) continue;
		add(value, name, snprintf(name, sizeof name, "global $%s", ZSTR_VAL(key)));
	} ZEND_HASH_FOREACH_END();
}

/* The variables of the functions that run the loop; the variables of a file's code are globals. */
static void add_frames(hathi_audit_add_root *add)
{
	char name[NAME_MOST];
	for (zend_execute_data *frame = EG(current_execute_data); frame != NULL; frame = frame->prev_execute_data) {
		if (frame->func == NULL || frame->func->type != ZEND_USER_FUNCTION) continue;
		const zend_op_array *code = &frame->func->op_array;
		if (code->function_name == NULL) continue;
		const char *scope = code->scope == NULL ? "" : ZSTR_VAL(code->scope->name);
		const char *function = ZSTR_VAL(code->function_name);
		const char *colons = code->scope == NULL ? "" : "::";
		for (int index = 0; index < code->last_var; index++) {
			int length = snprintf(name, sizeof name, "%s%s%s() $%s", scope, colons, function, ZSTR_VAL(code->vars[index]));
			add(ZEND_CALL_VAR_NUM(frame, index), name, length);
		}
		if (Z_TYPE(frame->This) != IS_OBJECT) continue;
		add(&frame->This, name, snprintf(name, sizeof name, "%s%s%s() $this", scope, colons, function));
	}
}

/* Adds each of them, classes first: the name of a value is that of the first root that holds it. */
void hathi_audit_add_roots(hathi_audit_add_root *add)
{
	add_classes(add);
	add_globals(add);
	add_functions(add);
	add_frames(add);
}
