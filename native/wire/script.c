#include "wire/script.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/*
 * Which script a request means, and how its variables change on the way: the rules of src/engine/script.ts, checked
 * by the same rows (tests/engine/script-rows.ts) against PHP-FPM. Each change keeps the sent value as ORIG_….
 */

struct repair {
	struct hathi_params *params;
	const struct hathi_script_rules *rules;
	bool apache;
	/* An action handler of Apache gave PHP itself as the script. */
	bool redirected;
	const char *redirect_url;
	const char *script;
	const char *name;
	/* A text could not be allocated. */
	bool failed;
};

static const char *get(const struct repair *repair, const char *name)
{
	return hathi_params_get(repair->params, name);
}

/* A copy that lives as long as the parameters. Returns the empty text when there is no memory. */
static const char *keep(struct repair *repair, const char *text, size_t length)
{
	char *copy = hathi_params_text(repair->params, length);
	if (copy == NULL) {
		repair->failed = true;
		return "";
	}
	memcpy(copy, text, length);
	return copy;
}

static const char *join(struct repair *repair, const char *head, size_t head_length, const char *tail)
{
	char *text = hathi_params_text(repair->params, head_length + strlen(tail));
	if (text == NULL) {
		repair->failed = true;
		return "";
	}
	memcpy(text, head, head_length);
	strcpy(text + head_length, tail);
	return text;
}

static void set(struct repair *repair, const char *name, const char *value)
{
	if (value == NULL) hathi_params_remove(repair->params, name);
	else if (!hathi_params_set(repair->params, name, value)) repair->failed = true;
}

/* Sets a variable, or removes it with NULL, and keeps its old value as ORIG_…. */
static void move(struct repair *repair, const char *name, const char *value)
{
	const char *sent = get(repair, name);
	if (sent != NULL) set(repair, join(repair, "ORIG_", 5, name), sent);
	set(repair, name, value);
}

static bool same(const char *left, const char *right)
{
	return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

/* The same, but only where the value differs. */
static void rename_to(struct repair *repair, const char *name, const char *value)
{
	if (!same(get(repair, name), value)) move(repair, name, value);
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9') return digit - '0';
	if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
	return -1;
}

/* Raw URL decoding: `+` and malformed escapes stay. */
static const char *percent_decode(struct repair *repair, const char *text)
{
	char *decoded = hathi_params_text(repair->params, strlen(text));
	if (decoded == NULL) {
		repair->failed = true;
		return "";
	}
	char *at = decoded;
	for (; *text != '\0'; text++) {
		int high = *text == '%' ? hex_digit(text[1]) : -1;
		int low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0) {
			*at++ = *text;
		} else {
			*at++ = (char)(high * 16 + low);
			text += 2;
		}
	}
	*at = '\0';
	return decoded;
}

/* IIS sends the script's own name at the head of PATH_INFO. */
static void repair_iis(struct repair *repair)
{
	const char *software = get(repair, "SERVER_SOFTWARE");
	const char *path_info = get(repair, "PATH_INFO");
	const char *name = get(repair, "SCRIPT_NAME");
	if (software == NULL || path_info == NULL || name == NULL) return;
	size_t length = strlen(name);
	if (strncmp(software, "Microsoft-IIS", 13) != 0 || strncmp(path_info, name, length) != 0) return;
	set(repair, "ORIG_PATH_INFO", path_info);
	set(repair, "PATH_INFO", path_info[length] == '\0' ? NULL : path_info + length);
}

/* mod_proxy_fcgi sends a URL; Apache's rules hold when it has a path. */
static void strip_proxy_prefix(struct repair *repair)
{
	const char *sent = get(repair, "SCRIPT_FILENAME");
	if (sent == NULL) return;
	size_t prefix = 0;
	if (strncasecmp(sent, "proxy:fcgi://", 13) == 0) prefix = 13;
	else if (strncasecmp(sent, "proxy:balancer://", 17) == 0) prefix = 17;
	if (prefix == 0) return;
	const char *slash = strchr(sent + prefix, '/');
	const char *path = slash == NULL ? sent : slash;
	path = keep(repair, path, strcspn(path, "?"));
	repair->apache = slash != NULL;
	set(repair, "SCRIPT_FILENAME",
		repair->apache && repair->rules->decode_script_path ? percent_decode(repair, path) : path);
}

/* cgi.fix_pathinfo = 0: uses the variables as sent. */
static void take_as_sent(struct repair *repair, struct hathi_script *script)
{
	const char *translated = get(repair, "PATH_TRANSLATED");
	const char *filename = get(repair, "SCRIPT_FILENAME");
	const char *first = repair->rules->discard_path ? filename : translated;
	const char *path_info = get(repair, "PATH_INFO");
	script->uri = path_info == NULL ? get(repair, "SCRIPT_NAME") : path_info;
	script->php_self = script->uri == NULL ? "" : script->uri;
	script->path = first != NULL ? first : repair->rules->discard_path ? translated : filename;
}

/* Finds the path to look for, and the script's first name. */
static void find_start(struct repair *repair)
{
	const char *translated = get(repair, "PATH_TRANSLATED");
	const char *filename = get(repair, "SCRIPT_FILENAME");
	repair->script = filename != NULL ? filename : translated != NULL ? translated : "";
	repair->redirected = !repair->apache && repair->redirect_url != NULL && translated != NULL &&
		strcmp(translated, repair->script) != 0;
	repair->name = repair->redirected ? repair->redirect_url : get(repair, "SCRIPT_NAME");
	if (repair->redirected) repair->script = translated;
}

static void keep_existing(struct repair *repair)
{
	static const char *const dropped[] = {"PATH_INFO", "PATH_TRANSLATED"};
	rename_to(repair, "SCRIPT_FILENAME", repair->script);
	for (size_t index = 0; !repair->apache && repair->redirect_url != NULL && index < 2; index++) {
		if (get(repair, dropped[index]) != NULL) move(repair, dropped[index], NULL);
	}
	if (repair->redirected) move(repair, "SCRIPT_NAME", repair->name);
}

/* The longest leading part of the path that is a file, or NULL. */
static const char *longest_file(struct repair *repair)
{
	char *path = hathi_params_text(repair->params, strlen(repair->script));
	if (path == NULL) {
		repair->failed = true;
		return NULL;
	}
	strcpy(path, repair->script);
	for (;;) {
		char *cut = strrchr(path, '/');
		if (cut == NULL) cut = strrchr(path, '\\');
		if (cut == NULL) return NULL;
		*cut = '\0';
		struct stat found;
		if (*path != '\0' && stat(path, &found) == 0 && S_ISREG(found.st_mode)) return path;
	}
}

/* PATH_INFO holds the script's name and the tail. Returns whether that settled SCRIPT_NAME. */
static bool cut_tail(struct repair *repair, const char *tail)
{
	const char *sent = get(repair, "PATH_INFO");
	size_t tail_length = strlen(tail);
	if (sent == NULL || strlen(sent) <= tail_length) return false;
	size_t head = strlen(sent) - tail_length;
	set(repair, "ORIG_PATH_INFO", sent);
	rename_to(repair, "SCRIPT_NAME", keep(repair, sent, head));
	set(repair, "PATH_INFO", sent + head);
	return true;
}

/* The length of `name` without `end`; 0 when it does not end so, or has nothing else. */
static size_t length_before(const char *name, const char *end)
{
	size_t name_length = strlen(name);
	size_t end_length = strlen(end);
	if (name_length <= end_length || strcmp(name + name_length - end_length, end) != 0) return 0;
	return name_length - end_length;
}

/* Apache's proxy omits PATH_INFO; the tail then also ends SCRIPT_NAME, there decoded. */
static bool cut_apache_tail(struct repair *repair, const char *tail)
{
	const char *sent = get(repair, "PATH_INFO");
	if (*tail == '\0' || (sent != NULL && strcmp(sent, tail) == 0)) return false;
	const char *decoded = strchr(tail, '%') != NULL ? percent_decode(repair, tail) : tail;
	bool named = false;
	if (sent != NULL) {
		set(repair, "ORIG_PATH_INFO", sent);
		rename_to(repair, "SCRIPT_NAME", sent);
		named = true;
	} else if (repair->name != NULL) {
		size_t head = length_before(repair->name, tail);
		if (head == 0) head = length_before(repair->name, decoded);
		if (head > 0) {
			move(repair, "SCRIPT_NAME", keep(repair, repair->name, head));
			named = true;
		}
	}
	set(repair, "PATH_INFO", repair->rules->decode_path_info ? decoded : tail);
	return named;
}

static void translate_path(struct repair *repair, const char *file, const char *name)
{
	const char *root = get(repair, "DOCUMENT_ROOT");
	const char *path_info = get(repair, "PATH_INFO");
	if (path_info == NULL) path_info = "";
	if (root != NULL) {
		size_t length = strlen(root);
		if (length > 0 && root[length - 1] == '/') length--;
		move(repair, "PATH_TRANSLATED", join(repair, root, length, path_info));
	} else if (name != NULL && strstr(file, name) != NULL) {
		move(repair, "PATH_TRANSLATED", join(repair, file, strlen(file) - strlen(name), path_info));
	}
}

/* The path is no file: its longest leading part that is one becomes the script, the rest PATH_INFO. */
static const char *split_path_info(struct repair *repair)
{
	const char *file = longest_file(repair);
	if (file == NULL) {
		move(repair, "SCRIPT_FILENAME", NULL);
		rename_to(repair, "SCRIPT_NAME", repair->name);
		return NULL;
	}
	const char *tail = repair->script + strlen(file);
	bool named = repair->apache ? cut_apache_tail(repair, tail) : cut_tail(repair, tail);
	rename_to(repair, "SCRIPT_FILENAME", file);
	translate_path(repair, file, repair->apache && named ? get(repair, "SCRIPT_NAME") : repair->name);
	if (!named) rename_to(repair, "SCRIPT_NAME", repair->name);
	return file;
}

/* cgi.fix_pathinfo = 1. */
static void fix_path_info(struct repair *repair, struct hathi_script *script)
{
	const char *doc_root = repair->rules->doc_root;
	if (get(repair, "DOCUMENT_ROOT") == NULL && doc_root != NULL && *doc_root != '\0')
		set(repair, "DOCUMENT_ROOT", doc_root);
	find_start(repair);
	size_t length = strlen(repair->script);
	bool exists = length == 0 || (repair->script[length - 1] != '/' && repair->rules->exists(repair->script));
	if (exists) keep_existing(repair);
	script->path = exists ? repair->script : split_path_info(repair);
	script->uri = get(repair, "SCRIPT_NAME");
	const char *head = script->uri == NULL ? "" : script->uri;
	const char *tail = get(repair, "PATH_INFO");
	script->php_self = tail == NULL ? head : join(repair, head, strlen(head), tail);
}

/* A path with a `..` component is never opened. */
static bool is_safe(const char *path)
{
	for (const char *dots = strstr(path, ".."); dots != NULL; dots = strstr(dots + 1, "..")) {
		bool starts = dots == path || dots[-1] == '/';
		if (starts && (dots[2] == '/' || dots[2] == '\0')) return false;
	}
	return true;
}

/*
 * Finds the script of a request and fixes its parameters. `path` is NULL without a script, `uri` when the request
 * asks for no script at all. Returns false when there is no memory.
 */
bool hathi_script_resolve(struct hathi_params *params, const struct hathi_script_rules *rules,
	struct hathi_script *script)
{
	struct repair repair = {.params = params, .rules = rules};
	*script = (struct hathi_script){.php_self = ""};
	if (get(&repair, "SCRIPT_FILENAME") == NULL && get(&repair, "PATH_TRANSLATED") == NULL) return true;
	script->is_named = true;
	repair_iis(&repair);
	strip_proxy_prefix(&repair);
	repair.redirect_url = get(&repair, "REDIRECT_URL");
	if (rules->fix_pathinfo) fix_path_info(&repair, script);
	else take_as_sent(&repair, script);
	script->is_missing = script->path == NULL;
	if (script->path != NULL && !is_safe(script->path)) script->path = NULL;
	return !repair.failed;
}

/*
 * security.limit_extensions: whether the path ends in one of the blank-separated endings and is longer than it. NULL
 * and an empty list allow every name.
 */
bool hathi_script_has_extension(const char *path, const char *extensions)
{
	if (extensions == NULL) return true;
	size_t path_length = strlen(path);
	bool has_any = false;
	for (const char *at = extensions + strspn(extensions, " \t"); *at != '\0'; at += strspn(at, " \t")) {
		size_t length = strcspn(at, " \t");
		has_any = true;
		if (path_length > length && memcmp(path + path_length - length, at, length) == 0) return true;
		at += length;
	}
	return !has_any;
}
