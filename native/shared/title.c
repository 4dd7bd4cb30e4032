#include "shared/process.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/*
 * The title that ps(1) shows: the kernel keeps arguments and environment in one area at the end of the stack, and
 * shows its content. Only this file knows the area, hence its variables.
 */
static char *title_area;
static size_t title_size;
static const char *program_name = "";
/* The moved environment; `environ` itself may have changed since. */
static char **volatile kept_environment;

/*
 * Finds the area, and keeps the name that top(1), pgrep(1) and `ps -C php-fpm8.2` show: that of Debian's program.
 * Once a title is set, the environment must not be read from there any more: see clearenv(3).
 */
void hathi_title_init(const char *name, int argc, char **argv, char **environment)
{
	program_name = name;
	if (argc == 0) return;
	char *end = argv[0];
	for (int index = 0; index < argc; index++) {
		if (argv[index] == end) end += strlen(end) + 1;
	}
	for (char **variable = environment; *variable != NULL; variable++) {
		if (*variable == end) end += strlen(end) + 1;
	}
	title_area = argv[0];
	title_size = (size_t)(end - argv[0]);
}

/*
 * Moves the environment out of the area, so it can be used once a title is set. Returns false when there is no
 * memory.
 */
bool hathi_title_keep_environment(void)
{
	size_t count = 0;
	while (environ[count] != NULL) count++;
	char **kept = calloc(count + 1, sizeof *kept);
	if (kept == NULL) return false;
	for (size_t index = 0; index < count; index++) {
		kept[index] = strdup(environ[index]);
		if (kept[index] == NULL) return false;
	}
	kept_environment = kept;
	environ = kept;
	return true;
}

/* Sets the title, cut to the area. */
void hathi_title_set(const char *title)
{
	if (title_size == 0) return;
	size_t length = strlen(title);
	if (length >= title_size) length = title_size - 1;
	memcpy(title_area, title, length);
	memset(title_area + length, 0, title_size - length);
	/* The kernel keeps 15 bytes of the name. */
	prctl(PR_SET_NAME, program_name);
}
