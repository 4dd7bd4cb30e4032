#include "php/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "php/php_start.h"
#include "php/pool_ini.h"
#include "php/sapi.h"
#include "shared/process.h"

/*
 * "hathi -t" asks which ini values of the pools PHP knows and accepts. PHP is started once. A child tries each pool,
 * so the values of pools do not affect each other. PHP refuses a value there that it accepts only at its start, so
 * the caller asks for each pool with a refusal again, alone.
 */

enum { INPUT_LIMIT = 64 * 1024 * 1024, MESSAGE_LIMIT = 1024 };

/* PHP's messages since the last report. */
static char said[MESSAGE_LIMIT];
static const char *pool_name = "";

/* Control characters in a text must not end a field or a line. */
static void print_field(const char *text)
{
	for (; *text != '\0'; text++) putchar((unsigned char)*text < ' ' ? ' ' : *text);
}

/* One line of the answer: KIND, POOL, SETTING, NAME, MESSAGE, with tabs between them. */
static void print_line(const char *kind, const char *setting, const char *name, const char *message)
{
	const char *fields[] = {kind, pool_name, setting, name, message};
	for (size_t index = 0; index < sizeof fields / sizeof *fields; index++) {
		if (index > 0) putchar('\t');
		print_field(fields[index]);
	}
	putchar('\n');
}

/* Prints PHP's messages while it starts. */
static void print_startup(const char *message, int type)
{
	(void)type;
	print_line("startup", "", "", message);
}

/* Keeps PHP's messages after its start. A fatal error ends the trial of the pool. */
static void keep_message(int type, zend_string *file, const uint32_t line, zend_string *message)
{
	(void)file;
	(void)line;
	if (type & E_FATAL_ERRORS) {
		print_line("fatal", "", "", ZSTR_VAL(message));
		fflush(stdout);
		_exit(0);
	}
	size_t used = strlen(said);
	snprintf(said + used, sizeof said - used, "%s%s", used == 0 ? "" : "; ", ZSTR_VAL(message));
}

static void report(struct hathi_host *host, const char *setting, const char *name, enum hathi_ini_outcome outcome)
{
	(void)host;
	static const char *const kinds[] = {"set", "unknown", "refused"};
	if (outcome != HATHI_INI_SET || *said != '\0') print_line(kinds[outcome], setting, name, said);
	*said = '\0';
}

/* Adds a setting NAME=VALUE. Returns false when the text has no "=", or there is no memory. */
static bool add(struct hathi_settings *settings, char *text)
{
	char *value = strchr(text, '=');
	if (value == NULL) return false;
	*value++ = '\0';
	return hathi_settings_add(settings, text, (const uint8_t *)value, strlen(value));
}

/* The next NUL-terminated text of the input; NULL at its end. */
static char *next(char **at, const char *end)
{
	char *text = *at;
	if (text >= end) return NULL;
	*at = text + strlen(text) + 1;
	return text;
}

static const char pool_mark[] = "pool=";

static bool is_pool(const char *text)
{
	return strncmp(text, pool_mark, sizeof pool_mark - 1) == 0;
}

/* Adds settings up to the next pool, and moves *at there. Returns false as add() does. */
static bool add_all(struct hathi_settings *settings, char **at, const char *end)
{
	while (*at < end && !is_pool(*at))
		if (!add(settings, next(at, end))) return false;
	return true;
}

/* In a child: tries the values of one pool. */
static int try_pool(char *at, const char *end)
{
	static struct hathi_host host = {.channel.fd = STDERR_FILENO, .pool = "-t"};
	pool_name = next(&at, end) + sizeof pool_mark - 1;
	if (!add_all(&host.settings, &at, end)) return HATHI_EXIT_FAILED;
	zend_error_cb = keep_message;
	hathi_pool_ini_apply(&host);
	fflush(stdout);
	return 0;
}

static bool try_in_child(char *at, const char *end)
{
	fflush(stdout);
	pid_t child = fork();
	if (child < 0) return false;
	if (child == 0) _exit(try_pool(at, end));
	int status;
	if (waitpid(child, &status, 0) != child) return false;
	if (WIFSIGNALED(status)) {
		pool_name = at + sizeof pool_mark - 1;
		print_line("fatal", "", "", strsignal(WTERMSIG(status)));
	}
	return WIFSIGNALED(status) || WEXITSTATUS(status) == 0;
}

/* Reads standard input. Returns NULL when it is too long, or there is no memory. */
static char *read_input(size_t *length)
{
	size_t capacity = 65536;
	char *input = malloc(capacity + 1);
	*length = 0;
	while (input != NULL) {
		*length += fread(input + *length, 1, capacity - *length, stdin);
		if (*length < capacity) break;
		char *grown = capacity >= INPUT_LIMIT ? NULL : realloc(input, (capacity *= 2) + 1);
		if (grown == NULL) free(input);
		input = grown;
	}
	if (input != NULL) input[*length] = '\0';
	return input;
}

static void print_names(void)
{
	zend_string *name;
	ZEND_HASH_FOREACH_STR_KEY(EG(ini_directives), name) {
		print_line("name", "", ZSTR_VAL(name), "");
	} ZEND_HASH_FOREACH_END();
}

/*
 * Standard input holds settings, each NAME=VALUE and a NUL: first those that all pools share, then of each pool its
 * `pool`, `php_value` and `php_admin_value`. Values before the first pool count when PHP starts. Prints a line for
 * each name that PHP knows, each message of its start, and each value that is unknown, refused or remarked on.
 * Returns the exit code.
 */
int hathi_php_check(void)
{
	static struct hathi_host host = {.channel.fd = STDERR_FILENO, .pool = "-t"};
	size_t length;
	char *input = read_input(&length);
	if (input == NULL) return HATHI_EXIT_FAILED;
	char *at = input;
	const char *end = input + length;
	if (!add_all(&host.settings, &at, end)) return HATHI_EXIT_FAILED;
	hathi_sapi.log_message = print_startup;
	hathi_pool_ini_report_to(report);
	hathi_php_start(&host);
	print_names();
	while (at < end) {
		if (!try_in_child(at, end)) return HATHI_EXIT_FAILED;
		next(&at, end);
		while (at < end && !is_pool(at)) next(&at, end);
	}
	fflush(stdout);
	_exit(0);
}
