#include "php/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "php/php_start.h"
#include "php/sapi.h"
#include "shared/process.h"

#include <ext/standard/info.h>

/* phpinfo() as text, for "hathi -i": without a pool and a client's request, and to this process's own stdout. */

static size_t write_out(const char *text, size_t length)
{
	return fwrite(text, 1, length, stdout);
}

static int send_nothing(sapi_headers_struct *headers)
{
	(void)headers;
	return SAPI_HEADER_SENT_SUCCESSFULLY;
}

/* $_SERVER is the environment. */
static void register_environment(zval *array)
{
	php_import_environment_variables(array);
}

/* Removes the callbacks that belong to requests of clients. */
static void detach_callbacks(void)
{
	hathi_sapi.ub_write = write_out;
	hathi_sapi.send_headers = send_nothing;
	hathi_sapi.activate = NULL;
#if PHP_VERSION_ID >= 80500
	hathi_sapi.pre_request_init = NULL;
#endif
	hathi_sapi.deactivate = NULL;
	hathi_sapi.flush = NULL;
	hathi_sapi.getenv = NULL;
	hathi_sapi.read_post = NULL;
	hathi_sapi.read_cookies = NULL;
	hathi_sapi.register_server_variables = register_environment;
	hathi_sapi.phpinfo_as_text = 1;
}

/*
 * Prints phpinfo(). Each word is a setting NAME=VALUE: a pool's php.ini files and definitions. Returns the exit code.
 */
int hathi_php_info(int count, char **words)
{
	static struct hathi_host host = {.channel.fd = STDERR_FILENO, .pool = "-i"};
	for (int index = 0; index < count; index++) {
		char *value = strchr(words[index], '=');
		if (value == NULL) return HATHI_EXIT_FAILED;
		*value++ = '\0';
		if (!hathi_settings_add(&host.settings, words[index], (const uint8_t *)value, strlen(value)))
			return HATHI_EXIT_FAILED;
	}
	detach_callbacks();
	/* PHP's start changes this variable to lead PHP to the ini files. */
	const char *folders = getenv("PHP_INI_SCAN_DIR");
	char *given = folders == NULL ? NULL : strdup(folders);
	hathi_php_start(&host);
	if (given == NULL) unsetenv("PHP_INI_SCAN_DIR");
	else setenv("PHP_INI_SCAN_DIR", given, 1);
	free(given);
	if (php_request_startup() != SUCCESS) return HATHI_EXIT_FAILED;
	SG(headers_sent) = 1;
	SG(request_info).no_headers = 1;
	php_print_info(PHP_INFO_ALL);
	php_output_end_all();
	fflush(stdout);
	_exit(0);
}
