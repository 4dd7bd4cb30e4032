/* A request's parameters (params.c), and which script they mean (script.c). */
#ifndef HATHI_PARAMS_H
#define HATHI_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/fcgi.h"

/* A FastCGI parameter. `value` is NULL when it was removed: its place stays. */
struct hathi_param {
	const char *name;
	const char *value;
	uint32_t name_length;
	uint32_t value_length;
};

struct hathi_params {
	struct hathi_param *list;
	uint32_t count;
	uint32_t capacity;
	/* Texts that the fix-ups made. */
	struct hathi_text *texts;
};

struct hathi_text {
	struct hathi_text *next;
	char bytes[];
};

bool hathi_params_fill(struct hathi_params *params, const struct hathi_fcgi *fcgi);
const char *hathi_params_get(const struct hathi_params *params, const char *name);
bool hathi_params_set(struct hathi_params *params, const char *name, const char *value);
void hathi_params_remove(struct hathi_params *params, const char *name);
char *hathi_params_text(struct hathi_params *params, size_t length);
void hathi_params_clear(struct hathi_params *params);

/* The ini settings and version rules that decide about paths. */
struct hathi_script_rules {
	/* Whether there is a file or folder of that name; may know it from before. */
	bool (*exists)(const char *path);
	bool fix_pathinfo;
	bool discard_path;
	/* NULL or empty when unset. */
	const char *doc_root;
	bool decode_path_info;
	bool decode_script_path;
};

/* What a request means; the texts live as long as its parameters. */
struct hathi_script {
	const char *path;
	const char *uri;
	const char *php_self;
	/* The request named a script, whether there is one or not. */
	bool is_named;
	/* It names one, and there is no such file; a path that must not be opened is no such case. */
	bool is_missing;
};

bool hathi_script_resolve(struct hathi_params *params, const struct hathi_script_rules *rules,
	struct hathi_script *script);
bool hathi_script_has_extension(const char *path, const char *extensions);

#endif
