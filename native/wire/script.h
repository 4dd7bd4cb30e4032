/* Which script a request means (script.c). */
#ifndef HATHI_SCRIPT_H
#define HATHI_SCRIPT_H

#include <stdbool.h>

#include "wire/params.h"

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
