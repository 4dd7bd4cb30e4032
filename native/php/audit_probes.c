#include "php/audit_parts.h"

#include <stdlib.h>
#include <string.h>

#include "php/php_glue.h"

#include <zend_exceptions.h>

/* State of extensions that only their own functions tell, and the objects that are alive, for hathi audit. */

/* Functions of extensions that without an argument tell a state that the application may have set, and change nothing. */
static const char *const functions[] = {"mb_internal_encoding", "mb_language", "mb_substitute_character",
	"mb_regex_encoding", "mb_http_output", "mb_detect_order", "libxml_use_internal_errors", "spl_autoload_functions",
	"stream_get_wrappers", "stream_get_filters", "bcscale", "ignore_user_abort", "gc_enabled"};

/* A function of an extension, where PHP has it and it is not disabled. */
static zend_function *find_function(const char *name)
{
	zend_function *function = zend_hash_str_find_ptr(CG(function_table), name, strlen(name));
	return function != NULL && function->type == ZEND_INTERNAL_FUNCTION ? function : NULL;
}

static bool call(zend_function *function, zend_object *object, zval *result, uint32_t count, zval *arguments)
{
	ZVAL_UNDEF(result);
	zend_call_known_function(function, object, object == NULL ? NULL : object->ce, result, count, arguments, NULL);
	if (EG(exception) == NULL) return true;
	zend_clear_exception();
	zval_ptr_dtor(result);
	return false;
}

/* A list is told by its length: its elements may be callables. */
static void put_result(struct hathi_audit_text *text, zval *result)
{
	if (Z_TYPE_P(result) == IS_ARRAY) {
		hathi_audit_put_number(text, (long long)zend_hash_num_elements(Z_ARRVAL_P(result)));
	} else if (Z_TYPE_P(result) == IS_STRING) {
		hathi_audit_put_json(text, Z_STRVAL_P(result), Z_STRLEN_P(result));
	} else {
		hathi_audit_put_number(text, (long long)zval_get_long(result));
	}
}

void hathi_audit_put_probes(struct hathi_audit_text *text)
{
	hathi_audit_open(text, "probes", '{');
	for (size_t index = 0; index < sizeof functions / sizeof *functions; index++) {
		zend_function *function = find_function(functions[index]);
		zval result;
		if (function == NULL || !call(function, NULL, &result, 0, NULL)) continue;
		hathi_audit_name(text, functions[index]);
		put_result(text, &result);
		zval_ptr_dtor(&result);
	}
	hathi_audit_close(text, '}');
}

/* --- transactions --------------------------------------------------------------------------------------------------- */

static zend_class_entry *find_class(const char *name)
{
	return zend_hash_str_find_ptr(CG(class_table), name, strlen(name));
}

/* Whether a database connection has an open transaction: PDO's and PostgreSQL's tell; mysqli's and SQLite3's do not. */
static bool is_in_transaction(zend_object *object, zend_class_entry *pdo, zend_class_entry *pgsql)
{
	zend_function *function = NULL;
	zval result;
	if (pdo != NULL && instanceof_function(object->ce, pdo)) {
		function = zend_hash_str_find_ptr(&pdo->function_table, ZEND_STRL("intransaction"));
		if (function == NULL || !call(function, object, &result, 0, NULL)) return false;
		bool is_open = Z_TYPE(result) == IS_TRUE;
		zval_ptr_dtor(&result);
		return is_open;
	}
	if (pgsql == NULL || object->ce != pgsql) return false;
	zval connection;
	ZVAL_OBJ(&connection, object);
	function = find_function("pg_transaction_status");
	if (function == NULL || !call(function, NULL, &result, 1, &connection)) return false;
	/* 1 active, 2 in a transaction, 3 in a failed one. */
	zend_long status = zval_get_long(&result);
	return status >= 1 && status <= 3;
}

/* --- objects ---------------------------------------------------------------------------------------------------------- */

static int by_class(const void *left, const void *right)
{
	const zend_class_entry *const *first = left;
	const zend_class_entry *const *second = right;
	return *first < *second ? -1 : *first > *second;
}

static void put_alive(struct hathi_audit_text *text, const zend_class_entry **classes, size_t count)
{
	qsort(classes, count, sizeof *classes, by_class);
	hathi_audit_open(text, "objects", '{');
	for (size_t index = 0; index < count;) {
		const zend_class_entry *class = classes[index];
		long long alive = 0;
		for (; index < count && classes[index] == class; index++) alive++;
		hathi_audit_name_bytes(text, ZSTR_VAL(class->name), ZSTR_LEN(class->name));
		hathi_audit_put_number(text, alive);
	}
	hathi_audit_close(text, '}');
}

/* The number of objects of each class, and the connections with an open transaction. */
void hathi_audit_put_objects(struct hathi_audit_text *text)
{
	const zend_objects_store *store = &EG(objects_store);
	zend_class_entry *pdo = find_class("pdo");
	zend_class_entry *pgsql = find_class("pgsql\\connection");
	/* An exception of a connection may make further objects. */
	uint32_t top = store->top;
	const zend_class_entry **classes = calloc(top, sizeof *classes);
	size_t count = 0;
	hathi_audit_open(text, "transactions", '[');
	for (uint32_t index = 1; index < top; index++) {
		zend_object *object = store->object_buckets[index];
		if (!IS_OBJ_VALID(object) || (OBJ_FLAGS(object) & IS_OBJ_DESTRUCTOR_CALLED) != 0) continue;
		if (classes != NULL) classes[count++] = object->ce;
		if (!is_in_transaction(object, pdo, pgsql)) continue;
		hathi_audit_comma(text);
		hathi_audit_put_json(text, ZSTR_VAL(object->ce->name), ZSTR_LEN(object->ce->name));
	}
	hathi_audit_close(text, ']');
	if (classes != NULL) put_alive(text, classes, count);
	free(classes);
}
