#include "php/front.h"

#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

/* Worker mode: which requests are for the application. */

static bool is_listed(const struct hathi_worker *worker, const struct hathi_request *request)
{
	char path[4096];
	size_t length = request->texts.path_length < sizeof path - 1 ? request->texts.path_length : sizeof path - 1;
	if (request->texts.path != NULL) memcpy(path, request->texts.path, length);
	path[request->texts.path == NULL ? 0 : length] = '\0';
	for (uint32_t index = 0; index < worker->match_count; index++) {
		if (fnmatch(worker->matches[index], path, 0) == 0) return true;
		if (request->script.uri != NULL && fnmatch(worker->matches[index], request->script.uri, 0) == 0) return true;
	}
	return false;
}

/* The web server's names of the script, seen from the application. */
enum named { NAMES_NO_FILE, NAMES_OTHER_SCRIPT, NAMES_OWN_SCRIPT };

static enum named what_is_named(const struct hathi_worker *worker, const struct hathi_script *script)
{
	struct stat file;
	if (script->path == NULL) return NAMES_NO_FILE;
	if (strcmp(script->path, worker->script) == 0) return NAMES_OWN_SCRIPT;
	if (stat(script->path, &file) != 0 || !S_ISREG(file.st_mode)) return NAMES_NO_FILE;
	bool is_own = file.st_dev == worker->script_device && file.st_ino == worker->script_inode;
	return is_own ? NAMES_OWN_SCRIPT : NAMES_OTHER_SCRIPT;
}

/* The application is about to boot: saves the file by which its script is known until the next boot. */
void hathi_front_learn(struct hathi_worker *worker)
{
	struct stat file;
	bool is_there = stat(worker->script, &file) == 0;
	worker->script_device = is_there ? file.st_dev : 0;
	worker->script_inode = is_there ? file.st_ino : 0;
}

/* The part of the script's path below the document root; its name when it is not below. */
static const char *name_of_script(const struct hathi_request *request)
{
	const char *script = request->worker->script;
	const char *root = hathi_params_get(&request->params, "DOCUMENT_ROOT");
	size_t length = root == NULL ? 0 : strlen(root);
	while (length > 0 && root[length - 1] == '/') length--;
	if (length > 0 && strncmp(script, root, length) == 0 && script[length] == '/') return script + length;
	const char *slash = strrchr(script, '/');
	return slash == NULL ? script : slash;
}

/* Makes the request one for the application's script, as a web server does for a path that is no file. */
static bool lead_to_script(struct hathi_request *request)
{
	const char *name = name_of_script(request);
	request->script.path = request->worker->script;
	request->script.uri = name;
	request->script.php_self = name;
	request->script.is_missing = false;
	request->script.is_named = true;
	return hathi_params_set(&request->params, "SCRIPT_FILENAME", request->worker->script) &&
		hathi_params_set(&request->params, "SCRIPT_NAME", name);
}

/*
 * Whether the application serves the request: as worker.match says; without it, if its script is the application's or
 * does not exist. Requests that the worker answers by itself stay here too.
 */
bool hathi_front_takes(struct hathi_request *request)
{
	const struct hathi_worker *worker = request->worker;
	const struct hathi_script *script = &request->script;
	if (hathi_answer_is_own(request)) return true;
	bool is_forbidden = script->path == NULL && script->is_named && !script->is_missing;
	if (is_forbidden) return false;
	enum named named = what_is_named(worker, script);
	bool takes = worker->match_count > 0 ? is_listed(worker, request) : named != NAMES_OTHER_SCRIPT;
	return takes && (named != NAMES_NO_FILE || lead_to_script(request));
}
