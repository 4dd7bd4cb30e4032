/* Which script a request means (script.c). */
#ifndef HATHI_SCRIPT_H
#define HATHI_SCRIPT_H

#include <stdbool.h>

#include "wire/params.h"

/* The ini settings and version rules that decide about paths. */
struct hathi_script_rules {
	/* Whether a file or folder of that name exists; a cache may answer. */
	bool (*exists)(const char *path);
	bool fix_pathinfo;
	bool discard_path;
	/* NULL or empty when unset. */
	const char *doc_root;
	bool decode_path_info;
	bool decode_script_path;
};

/* The script of a request; the texts live as long as its parameters. */
struct hathi_script {
	const char *path;
	const char *uri;
	const char *php_self;
	/* The request asks for a script, which need not exist. */
	bool is_named;
	/* The script does not exist. A path that must not be opened does not count as missing. */
	bool is_missing;
};

bool hathi_script_resolve(struct hathi_params *params, const struct hathi_script_rules *rules,
	struct hathi_script *script);
bool hathi_script_has_extension(const char *path, const char *extensions);

#endif
