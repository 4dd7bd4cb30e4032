#include "php/sapi.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "php/boot_output.h"
#include "php/directives.h"
#include "php/pool_ini.h"
#include "worker/connection.h"
#include "worker/log.h"

/*
 * PHP's callbacks. Their only context is SG(server_context), the running request. Output outside of requests goes to
 * the process's own host or worker.
 */
static struct hathi_worker *sapi_worker;

/* PHP-FPM's buffer: a script may print this much after fastcgi_finish_request() before it is ended. */
enum { LATE_BYTES_MOST = 8192 };

/*
 * In a new worker whose signal handlers are installed: PHP saves them and installs its own in front, which defer a
 * signal inside critical sections.
 */
void hathi_php_in_worker(struct hathi_worker *worker)
{
	sapi_worker = worker;
	zend_signal_startup();
}

/*
 * After the first request PHP's handlers stay in place. PHP need not check them in every request, which would take
 * seven system calls. With pcntl a script may replace them.
 */
void hathi_php_signals_settled(void)
{
#ifdef ZEND_SIGNALS
	SIGG(reset) = zend_hash_str_exists(&module_registry, "pcntl", sizeof "pcntl" - 1);
#endif
}

static struct hathi_request *running(void)
{
	return SG(server_context);
}

/* Adds a message for the web server to the running response. */
void hathi_php_message(const char *text, size_t length)
{
	struct hathi_request *request = running();
	if (request == NULL || request->is_boot || request->finished || !hathi_ini.logging) return;
	struct hathi_output *output = &request->worker->output;
	if (request->has_message) hathi_output_write(output, HATHI_RECORD_STDERR, "; ", 2);
	request->has_message = true;
	hathi_output_write(output, HATHI_RECORD_STDERR, text, length);
}

static int sapi_start(sapi_module_struct *module)
{
	(void)module;
	return SUCCESS;
}

/* Up to 8.4 PHP has already read a form here, so post_max_size comes too late. */
static int sapi_activate_request(void)
{
	struct hathi_request *request = running();
	if (request != NULL) hathi_ini_activate(request);
	return SUCCESS;
}

static int sapi_deactivate_request(void)
{
	struct hathi_request *request = running();
	if (request != NULL && !request->finished && !request->is_boot) hathi_response_end(request);
	return SUCCESS;
}

/*
 * The client is gone: PHP ends the script unless ignore_user_abort is set. A handler in worker mode goes on in any case,
 * without output: PHP would leave the application in the middle of something.
 */
static void abort_script(struct hathi_request *request)
{
	request->client_aborted = true;
	if (!request->is_handled) {
		php_handle_aborted_connection();
		return;
	}
	PG(connection_status) = PHP_CONNECTION_ABORTED;
	php_output_set_status(PHP_OUTPUT_DISABLED);
}

static size_t sapi_write(const char *text, size_t length)
{
	struct hathi_request *request = running();
	if (request == NULL) {
		/* Between requests only PHP's start and end print something. */
		ssize_t written = write(STDERR_FILENO, text, length);
		return written < 0 ? 0 : (size_t)written;
	}
	if (request->is_boot) return hathi_boot_print(text, length);
	if (request->finished) {
		if (request->is_handled) return length;
		request->late_bytes += length;
		if (request->late_bytes <= LATE_BYTES_MOST) return length;
		abort_script(request);
		return 0;
	}
	if (hathi_output_write(&request->worker->output, HATHI_RECORD_STDOUT, text, length)) return length;
	abort_script(request);
	return 0;
}

static void sapi_flush_output(void *context)
{
	(void)context;
	struct hathi_request *request = running();
	if (request == NULL || request->is_boot || (request->finished && request->late_bytes == 0)) return;
	if (request->finished) {
		abort_script(request);
		return;
	}
#if PHP_VERSION_ID >= 80400
	/* Since 8.4 flush() sends the head even without a body. */
	if (!SG(headers_sent)) sapi_send_headers();
#endif
	if (!hathi_output_flush(&request->worker->output)) abort_script(request);
}

static char *sapi_get_variable(const char *name, size_t length)
{
	(void)length;
	struct hathi_request *request = running();
	return request == NULL ? NULL : (char *)(uintptr_t)hathi_params_get(&request->params, name);
}

static char *sapi_get_cookies(void)
{
	return sapi_get_variable("HTTP_COOKIE", sizeof "HTTP_COOKIE" - 1);
}

/*
 * Opens the file that the web server wrote the body to. -1 when that fails, -3 for a device or a pipe: one has no end,
 * the other waits for whoever writes to it, and PHP reads on after the script. A folder reads as an empty body.
 */
static int open_body_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		php_error(E_WARNING, "REQUEST_BODY_FILE: open('%s') failed: %s (%d)", path, strerror(errno), errno);
		return -1;
	}
	struct stat status;
	if (fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) return fd;
	close(fd);
	php_error(E_WARNING, "REQUEST_BODY_FILE: '%s' is no regular file", path);
	return -3;
}

/* Reads from REQUEST_BODY_FILE, a file that the web server wrote the body to. Returns -1 without one. */
static ssize_t read_body_file(struct hathi_request *request, char *target, size_t size)
{
	if (request->body_file == -1) {
		const char *path = hathi_params_get(&request->params, "REQUEST_BODY_FILE");
		request->body_file = path == NULL ? -2 : open_body_file(path);
	}
	if (request->body_file == -2) return -1;
	if (request->body_file < 0) return 0;
	ssize_t got = read(request->body_file, target, size);
	return got < 0 ? 0 : got;
}

static size_t sapi_read_body(char *target, size_t size)
{
	struct hathi_request *request = running();
	if (request == NULL || request->is_boot) return 0;
	uint64_t left = (uint64_t)SG(request_info).content_length - (uint64_t)SG(read_post_bytes);
	if (size > left) size = (size_t)left;
	size_t filled = 0;
	while (filled < size) {
		ssize_t got = read_body_file(request, target + filled, size - filled);
		if (got < 0)
			got = (ssize_t)hathi_connection_body(request->worker, request->connection, target + filled, size - filled);
		if (got == 0) break;
		filled += (size_t)got;
	}
	/*
	 * Before the script PHP cannot be left, so request.c refuses the request then. Once is enough: at its end PHP
	 * asks for the rest of the body. The response so far is incomplete and must not pass for complete.
	 */
	if (request->connection->gave_up && request->is_running && !request->client_aborted) {
		request->worker->output.failed = true;
		abort_script(request);
	}
	return filled;
}

static void add_variable(const char *name, const char *value, size_t length, zval *array)
{
	size_t new_length = length;
	char *copy = estrndup(value, length);
	int target = PARSE_SERVER;
	/* The same function fills $_ENV. */
	if (Z_TYPE(PG(http_globals)[TRACK_VARS_ENV]) == IS_ARRAY &&
		Z_ARR_P(array) == Z_ARR(PG(http_globals)[TRACK_VARS_ENV]))
		target = PARSE_ENV;
	if (sapi_module.input_filter == NULL ||
		sapi_module.input_filter(target, (char *)(uintptr_t)name, &copy, length, &new_length))
		php_register_variable_safe(name, copy, new_length, array);
	efree(copy);
}

static void (*import_environment)(zval *array);
static void (*load_environment)(zval *array);

typedef void add_variable_function(const char *name, const char *value, size_t length, zval *array);

/* Adds the parameters, newest name first. */
static void add_parameters(add_variable_function *add, zval *array)
{
	struct hathi_request *request = running();
	if (request == NULL) return;
	for (uint32_t index = request->params.count; index-- > 0;) {
		const struct hathi_param *param = request->params.list + index;
		if (param->value != NULL) add(param->name, param->value, param->value_length, array);
	}
}

/* Fills $_SERVER and $_ENV: the environment of the process, then the parameters. */
static void import_variables(zval *array)
{
	import_environment(array);
	add_parameters(add_variable, array);
}

/* Skips the input filter, which stores its input in $_SERVER or $_ENV itself. */
static void add_plain(const char *name, const char *value, size_t length, zval *array)
{
	php_register_variable_safe(name, value, length, array);
}

/* Fills the array of getenv() without a name, which PHP reads another way. */
static void load_variables(zval *array)
{
	load_environment(array);
	add_parameters(add_plain, array);
}

static void sapi_register_variables(zval *array)
{
	struct hathi_request *request = running();
	php_import_environment_variables(array);
	if (request == NULL) return;
	const char *self = request->script.php_self;
	add_variable("PHP_SELF", self, strlen(self), array);
}

static void sapi_log(const char *text, int type)
{
	(void)type;
	if (sapi_worker != NULL) hathi_worker_log_php(sapi_worker, text);
	else dprintf(STDERR_FILENO, "%s\n", text);
}

/* Puts the request's parameters into $_SERVER and getenv(). */
void hathi_sapi_take_environment(void)
{
	import_environment = php_import_environment_variables;
	php_import_environment_variables = import_variables;
	load_environment = php_load_environment_variables;
	php_load_environment_variables = load_variables;
}

sapi_module_struct hathi_sapi = {
	.name = "fpm-fcgi",
	.pretty_name = "FPM/FastCGI",
	.startup = sapi_start,
	.shutdown = php_module_shutdown_wrapper,
#if PHP_VERSION_ID >= 80500
	.pre_request_init = sapi_activate_request,
#else
	.activate = sapi_activate_request,
#endif
	.deactivate = sapi_deactivate_request,
	.ub_write = sapi_write,
	.flush = sapi_flush_output,
	.getenv = sapi_get_variable,
	.sapi_error = php_error,
	.send_headers = hathi_head_send,
	.read_post = sapi_read_body,
	.read_cookies = sapi_get_cookies,
	.register_server_variables = sapi_register_variables,
	.log_message = sapi_log,
};
