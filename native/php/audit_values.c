#include "php/audit_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "php/audit_roots.h"
#include "php/php_glue.h"

/*
 * Walks all values that a booted application keeps, for hathi audit: breadth first from its roots (audit_roots.c).
 * Each array and each object is a node, and belongs to the place from which it is reached first, so by the shortest way.
 *
 * Nothing of the application runs: an object tells its values as it tells them to PHP's garbage collector.
 *
 * A node is `[parent, key, kind, count, bytes]`: the parent's number, or -1; the key in it; its elements; the bytes of
 * its strings. A root has a sixth element, which differs when its value does. The key of an element begins with `i`
 * (index), `k` (key), `p` (property) or `v` (another value of an object).
 */

/* More would cost an audit more than it tells. */
enum { NODES_MOST = 400 * 1000, NAME_MOST = 1024 };

enum kind { SCALAR, TEXT, ARRAY, OBJECT };

struct node {
	const void *value;
	long long parent;
	enum kind kind;
	long long count;
	long long bytes;
	uint64_t identity;
	/* The key's place in `keys`. */
	size_t key;
	size_t key_length;
};

static struct {
	struct node *nodes;
	size_t count;
	size_t capacity;
	/* Addresses of arrays and objects that have a node, by hash; a power of two. */
	const void **seen;
	size_t seen_capacity;
	struct hathi_audit_text keys;
	struct hathi_audit_text marks;
	bool is_cut;
} walk;

/* Each request of an audit carries it in a header: a value that holds it is the request's. */
static const char mark[] = "hathi-audit-";

/* --- nodes ------------------------------------------------------------------------------------------------------------ */

static size_t place_of(const void *address)
{
	uint64_t hash = (uint64_t)(uintptr_t)address * 0x9e3779b97f4a7c15u;
	return (size_t)(hash >> 20) & (walk.seen_capacity - 1);
}

static void remember(const void *address)
{
	size_t place = place_of(address);
	while (walk.seen[place] != NULL) place = (place + 1) & (walk.seen_capacity - 1);
	walk.seen[place] = address;
}

static bool grow_seen(void)
{
	const void **old = walk.seen;
	size_t capacity = walk.seen_capacity;
	const void **grown = calloc(capacity == 0 ? 4096 : capacity * 2, sizeof *grown);
	if (grown == NULL) return false;
	walk.seen = grown;
	walk.seen_capacity = capacity == 0 ? 4096 : capacity * 2;
	for (size_t index = 0; index < capacity; index++) {
		if (old[index] != NULL) remember(old[index]);
	}
	free(old);
	return true;
}

/* Whether the array or object has a node already; it has one from now on. */
static bool is_known(const void *address)
{
	size_t place = place_of(address);
	while (walk.seen[place] != NULL) {
		if (walk.seen[place] == address) return true;
		place = (place + 1) & (walk.seen_capacity - 1);
	}
	remember(address);
	return false;
}

static struct node *add_node(long long parent, enum kind kind, const void *value, const char *key, size_t length)
{
	if (walk.count == NODES_MOST) walk.is_cut = true;
	if (walk.is_cut) return NULL;
	if (walk.count == walk.capacity) {
		size_t capacity = walk.capacity * 2 + 1024;
		struct node *grown = realloc(walk.nodes, capacity * sizeof *grown);
		if (grown == NULL) {
			walk.is_cut = true;
			return NULL;
		}
		walk.nodes = grown;
		walk.capacity = capacity;
	}
	struct node *node = walk.nodes + walk.count++;
	*node = (struct node){.value = value, .parent = parent, .kind = kind, .key = walk.keys.length, .key_length = length};
	hathi_audit_put(&walk.keys, key, length);
	return node;
}

/* Notes that the node holds the mark of a request. */
static void look_for_mark(long long node, const zend_string *text)
{
	if (ZSTR_LEN(text) < sizeof mark - 1 || memcmp(ZSTR_VAL(text), mark, sizeof mark - 1) != 0) return;
	hathi_audit_put(&walk.marks, walk.marks.length == 0 ? "[" : ",[", walk.marks.length == 0 ? 1 : 2);
	hathi_audit_put_number(&walk.marks, node);
	hathi_audit_put(&walk.marks, ",", 1);
	hathi_audit_put_json(&walk.marks, ZSTR_VAL(text), ZSTR_LEN(text) < 64 ? ZSTR_LEN(text) : 64);
	hathi_audit_put(&walk.marks, "]", 1);
}

static void join_seen(void)
{
	if (walk.count * 2 >= walk.seen_capacity && !grow_seen()) walk.is_cut = true;
}

/* A value in the node `parent`. Strings count for that node; arrays and objects become nodes. */
static void take(long long parent, zval *value, const char *key, size_t length)
{
	if (Z_TYPE_P(value) == IS_INDIRECT) value = Z_INDIRECT_P(value);
	ZVAL_DEREF(value);
	if (Z_TYPE_P(value) == IS_STRING) {
		walk.nodes[parent].bytes += (long long)Z_STRLEN_P(value);
		look_for_mark(parent, Z_STR_P(value));
		return;
	}
	bool is_array = Z_TYPE_P(value) == IS_ARRAY;
	if (!is_array && Z_TYPE_P(value) != IS_OBJECT) return;
	/* A constant array of OPcache's memory is never changed. */
	if (is_array && (GC_FLAGS(Z_ARR_P(value)) & GC_IMMUTABLE) != 0) return;
	join_seen();
	if (walk.is_cut || is_known(Z_PTR_P(value))) return;
	add_node(parent, is_array ? ARRAY : OBJECT, Z_PTR_P(value), key, length);
}

/* --- the values in a node -------------------------------------------------------------------------------------------- */

static void take_named(long long parent, zval *value, char kind, const char *name, size_t length)
{
	char key[NAME_MOST];
	if (length > sizeof key - 1) length = sizeof key - 1;
	key[0] = kind;
	memcpy(key + 1, name, length);
	take(parent, value, key, length + 1);
}

static void take_table(long long parent, HashTable *table, char kind)
{
	zend_ulong index;
	zend_string *name;
	zval *value;
	char number[24];
	ZEND_HASH_FOREACH_KEY_VAL(table, index, name, value) {
		if (name != NULL) {
			const char *plain = ZSTR_VAL(name);
			size_t length = ZSTR_LEN(name);
			/* The name of a private property begins with its class, between two NULs. */
			if (kind == 'p' && length > 1 && plain[0] == '\0') {
				const char *end = memchr(plain + 1, '\0', length - 1);
				if (end != NULL) {
					length -= (size_t)(end + 1 - plain);
					plain = end + 1;
				}
			}
			take_named(parent, value, kind, plain, length);
		} else {
			int length = snprintf(number, sizeof number, "%lld", (long long)index);
			take_named(parent, value, 'i', number, (size_t)length);
		}
	} ZEND_HASH_FOREACH_END();
}

static void take_property(long long parent, const zend_class_entry *class, zval *value, int index)
{
	const zend_property_info *info = class->default_properties_count > index ? class->properties_info_table[index] : NULL;
	if (info == NULL) return take_named(parent, value, 'v', "", 0);
	const char *name;
	const char *owner;
	size_t length;
	if (zend_unmangle_property_name_ex(info->name, &owner, &name, &length) == SUCCESS)
		take_named(parent, value, 'p', name, length);
}

static void take_object(long long number, zend_object *object)
{
	zval *values = NULL;
	int count = 0;
	if (object->handlers->get_gc == NULL) return;
	HashTable *table = object->handlers->get_gc(object, &values, &count);
	long long elements = table == NULL ? 0 : (long long)zend_hash_num_elements(table);
	walk.nodes[number].count = elements + (values == object->properties_table ? 0 : count);
	for (int index = 0; index < count; index++) {
		if (values == object->properties_table) take_property(number, object->ce, values + index, index);
		else take_named(number, values + index, 'v', "", 0);
	}
	if (table != NULL) take_table(number, table, 'p');
}

static void take_values(void)
{
	for (size_t index = 0; index < walk.count; index++) {
		struct node *node = walk.nodes + index;
		if (node->kind == ARRAY) {
			HashTable *table = (HashTable *)(uintptr_t)node->value;
			node->count = (long long)zend_hash_num_elements(table);
			take_table((long long)index, table, 'k');
		} else if (node->kind == OBJECT) {
			take_object((long long)index, (zend_object *)(uintptr_t)node->value);
		}
	}
}

/* --- a root ------------------------------------------------------------------------------------------------------------ */

static uint64_t identity_of(const zval *value)
{
	switch (Z_TYPE_P(value)) {
		case IS_LONG: return (uint64_t)Z_LVAL_P(value) * 8 + 1;
		case IS_DOUBLE: return zend_inline_hash_func((const char *)&Z_DVAL_P(value), sizeof(double));
		case IS_STRING: return zend_inline_hash_func(Z_STRVAL_P(value), Z_STRLEN_P(value));
		case IS_OBJECT: return (uint64_t)Z_OBJ_HANDLE_P(value) * 8 + 2;
		default: return Z_TYPE_P(value);
	}
}

static void add_root(zval *value, const char *name, int length)
{
	if (Z_TYPE_P(value) == IS_INDIRECT) value = Z_INDIRECT_P(value);
	ZVAL_DEREF(value);
	if (Z_TYPE_P(value) == IS_UNDEF || Z_TYPE_P(value) == IS_CONSTANT_AST || length <= 0) return;
	size_t size = length < NAME_MOST ? (size_t)length : NAME_MOST - 1;
	enum kind kind = Z_TYPE_P(value) == IS_ARRAY ? ARRAY : Z_TYPE_P(value) == IS_OBJECT ? OBJECT
		: Z_TYPE_P(value) == IS_STRING ? TEXT : SCALAR;
	join_seen();
	if (walk.is_cut) return;
	bool is_counted = kind == ARRAY || kind == OBJECT;
	/* A value that another root holds as well is reported there; here only its identity counts. */
	if (is_counted && is_known(Z_PTR_P(value))) kind = SCALAR;
	struct node *node = add_node(-1, kind, is_counted ? Z_PTR_P(value) : NULL, name, size);
	if (node == NULL) return;
	node->identity = identity_of(value);
	if (kind != TEXT) return;
	node->bytes = (long long)Z_STRLEN_P(value);
	look_for_mark((long long)walk.count - 1, Z_STR_P(value));
}

/* --- the snapshot ------------------------------------------------------------------------------------------------------ */

static void put_node(struct hathi_audit_text *text, const struct node *node)
{
	hathi_audit_open(text, NULL, '[');
	hathi_audit_put_number(text, node->parent);
	hathi_audit_put(text, ",", 1);
	hathi_audit_put_json(text, walk.keys.is_cut ? "" : walk.keys.bytes + node->key, walk.keys.is_cut ? 0 : node->key_length);
	hathi_audit_put(text, ",", 1);
	hathi_audit_put_number(text, node->kind);
	hathi_audit_put(text, ",", 1);
	hathi_audit_put_number(text, node->count);
	hathi_audit_put(text, ",", 1);
	hathi_audit_put_number(text, node->bytes);
	if (node->parent < 0) {
		hathi_audit_put(text, ",", 1);
		hathi_audit_put_number(text, (long long)(node->identity & 0xffffffffffff));
	}
	hathi_audit_close(text, ']');
}

/* Puts the nodes, and the numbers of those that hold a request's mark. */
void hathi_audit_put_values(struct hathi_audit_text *text)
{
	if (!grow_seen()) walk.is_cut = true;
	hathi_audit_add_roots(add_root);
	if (!walk.is_cut) take_values();
	hathi_audit_open(text, "values", '[');
	for (size_t index = 0; index < walk.count; index++) put_node(text, walk.nodes + index);
	hathi_audit_close(text, ']');
	hathi_audit_open(text, "marks", '[');
	if (walk.marks.length > 0) hathi_audit_put(text, walk.marks.bytes, walk.marks.length);
	hathi_audit_close(text, ']');
	hathi_audit_field_number(text, "cut", walk.is_cut || walk.keys.is_cut);
	free(walk.nodes);
	free(walk.seen);
	free(walk.keys.bytes);
	free(walk.marks.bytes);
	memset(&walk, 0, sizeof walk);
}
