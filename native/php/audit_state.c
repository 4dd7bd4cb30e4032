#include "php/audit_parts.h"

#include <dirent.h>
#include <locale.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "php/php_glue.h"

#include <ext/date/php_date.h>
#include <ext/standard/basic_functions.h>

/* State of the process and of PHP that outlives a request, for hathi audit. */

static void put_string(struct hathi_audit_text *text, const zend_string *string)
{
	if (string == NULL) hathi_audit_put(text, "\"\"", 2);
	else hathi_audit_put_json(text, ZSTR_VAL(string), ZSTR_LEN(string));
}

static void put_ini(struct hathi_audit_text *text)
{
	zend_ini_entry *entry;
	hathi_audit_open(text, "ini", '{');
	if (EG(modified_ini_directives) != NULL) {
		ZEND_HASH_FOREACH_PTR(EG(modified_ini_directives), entry) {
			hathi_audit_name_bytes(text, ZSTR_VAL(entry->name), ZSTR_LEN(entry->name));
			put_string(text, entry->value);
		} ZEND_HASH_FOREACH_END();
	}
	hathi_audit_close(text, '}');
}

/* The default timezone that a request or the application has set; '' without one. */
static const char *timezone_set(void)
{
	zend_module_entry *date = zend_hash_str_find_ptr(&module_registry, ZEND_STRL("date"));
	const zend_date_globals *globals = date == NULL ? NULL : date->globals_ptr;
	return globals == NULL || globals->timezone == NULL ? "" : globals->timezone;
}

static mode_t current_mask(void)
{
	mode_t mask = umask(0);
	umask(mask);
	return mask;
}

/* What Hathi puts back at the end of a request. */
void hathi_audit_put_settings(struct hathi_audit_text *text)
{
	char folder[4096];
	put_ini(text);
	hathi_audit_field(text, "timezone", timezone_set());
	hathi_audit_field_number(text, "umask", current_mask());
	hathi_audit_field(text, "folder", getcwd(folder, sizeof folder) == NULL ? "" : folder);
}

/* Names of environment variables, each with a hash of its value: values may be secrets. */
static void put_environment(struct hathi_audit_text *text)
{
	hathi_audit_open(text, "env", '{');
	for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
		const char *equals = strchr(*variable, '=');
		if (equals == NULL) continue;
		hathi_audit_name_bytes(text, *variable, (size_t)(equals - *variable));
		hathi_audit_put_number(text, (long long)(zend_inline_hash_func(equals + 1, strlen(equals + 1)) & 0xffffffff));
	}
	hathi_audit_close(text, '}');
}

static void put_handler(struct hathi_audit_text *text, zval *handler)
{
	hathi_audit_comma(text);
	zend_string *name = zend_get_callable_name(handler);
	put_string(text, name);
	zend_string_release(name);
}

/* The stack of handlers, the one in force last. PHP keeps an undefined one below the first that was set. */
static void put_handlers(struct hathi_audit_text *text, const char *field, const zend_stack *below, zval *in_force)
{
	hathi_audit_open(text, field, '[');
	for (int index = 0; index < below->top; index++) {
		zval *handler = (zval *)((char *)below->elements + (size_t)below->size * (size_t)index);
		if (Z_TYPE_P(handler) != IS_UNDEF) put_handler(text, handler);
	}
	if (Z_TYPE_P(in_force) != IS_UNDEF) put_handler(text, in_force);
	hathi_audit_close(text, ']');
}

/* The other end of a socket. */
static void describe_socket(int descriptor, char *name, size_t size)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof peer;
	char host[INET6_ADDRSTRLEN + 1];
	char port[8];
	snprintf(name, size, "socket");
	if (getpeername(descriptor, (struct sockaddr *)&peer, &length) != 0) return;
	if (peer.ss_family == AF_UNIX) {
		const struct sockaddr_un *address = (const struct sockaddr_un *)&peer;
		if (length > sizeof(sa_family_t) && address->sun_path[0] != '\0')
			snprintf(name, size, "socket to %s", address->sun_path);
	} else if (getnameinfo((struct sockaddr *)&peer, length, host, sizeof host, port, sizeof port,
				   NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
		snprintf(name, size, "socket to %s port %s", host, port);
	}
}

static void put_descriptor(struct hathi_audit_text *text, int descriptor, const char *number)
{
	char path[64];
	char target[4096];
	struct stat file;
	snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
	ssize_t length = readlink(path, target, sizeof target - 1);
	if (length < 0) return;
	target[length] = '\0';
	if (fstat(descriptor, &file) == 0 && S_ISSOCK(file.st_mode)) describe_socket(descriptor, target, sizeof target);
	hathi_audit_field(text, number, target);
}

static void put_descriptors(struct hathi_audit_text *text, int own)
{
	hathi_audit_open(text, "descriptors", '{');
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		int descriptor = atoi(entry->d_name);
		bool is_number = entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
		if (is_number && descriptor != own && descriptor != dirfd(folder)) put_descriptor(text, descriptor, entry->d_name);
	}
	if (folder != NULL) closedir(folder);
	hathi_audit_close(text, '}');
}

/* Open resources by type. */
static void put_resources(struct hathi_audit_text *text)
{
	struct { const char *type; long long count; } seen[64];
	size_t types = 0;
	zend_resource *resource;
	ZEND_HASH_FOREACH_PTR(&EG(regular_list), resource) {
		const char *type = resource == NULL ? NULL : zend_rsrc_list_get_rsrc_type(resource);
		if (type == NULL) continue;
		size_t index = 0;
		while (index < types && strcmp(seen[index].type, type) != 0) index++;
		if (index == sizeof seen / sizeof *seen) continue;
		if (index == types) {
			seen[types].type = type;
			seen[types++].count = 0;
		}
		seen[index].count++;
	} ZEND_HASH_FOREACH_END();
	hathi_audit_open(text, "resources", '{');
	for (size_t index = 0; index < types; index++) hathi_audit_field_number(text, seen[index].type, seen[index].count);
	hathi_audit_close(text, '}');
}

static long long elements(const HashTable *table)
{
	return table == NULL ? 0 : (long long)zend_hash_num_elements(table);
}

static void put_counts(struct hathi_audit_text *text)
{
	hathi_audit_open(text, "counts", '{');
	hathi_audit_field_number(text, "classes", elements(EG(class_table)));
	hathi_audit_field_number(text, "functions", elements(EG(function_table)));
	hathi_audit_field_number(text, "constants", elements(EG(zend_constants)));
	hathi_audit_field_number(text, "included files", elements(&EG(included_files)));
	hathi_audit_field_number(text, "shutdown functions", elements(BG(user_shutdown_function_names)));
	hathi_audit_close(text, '}');
}

/* State that stays after a request. */
void hathi_audit_put_state(struct hathi_audit_text *text, int own_descriptor)
{
	const char *locale = setlocale(LC_ALL, NULL);
	hathi_audit_field(text, "locale", locale == NULL ? "" : locale);
	put_environment(text);
	put_handlers(text, "errorHandlers", &EG(user_error_handlers), &EG(user_error_handler));
	put_handlers(text, "exceptionHandlers", &EG(user_exception_handlers), &EG(user_exception_handler));
	put_descriptors(text, own_descriptor);
	put_resources(text);
	put_counts(text);
}
