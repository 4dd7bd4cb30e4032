#include "php/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "php/audit_parts.h"
#include "php/exception.h"
#include "php/php_glue.h"

/*
 * The pool of a `hathi audit` has the setting audit.socket, which no directive sets: the worker connects to it and
 * writes one line of JSON each time that its application waits for a request, and at the end of each handler. In any
 * other pool the socket is -1, and these functions return at once.
 *
 * A snapshot is taken where the application waits: the application's own end of a request is behind it then, and so
 * is all that Hathi puts back. The line at the end of a handler has what a request changed and Hathi puts back.
 */

static struct {
	int socket;
	long long boots;
	/* Level of output buffering at the start of the handler. */
	int level;
} audit = {.socket = -1};

static void stop(void)
{
	close(audit.socket);
	audit.socket = -1;
}

/* Sends the line. A command that has gone needs no more of them. */
static void send_line(struct hathi_audit_text *text)
{
	hathi_audit_put(text, "}\n", 2);
	const char *at = text->bytes;
	size_t left = text->is_cut ? 0 : text->length;
	if (text->is_cut) stop();
	while (left > 0) {
		ssize_t sent = send(audit.socket, at, left, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR) continue;
		if (sent <= 0) {
			stop();
			break;
		}
		at += sent;
		left -= (size_t)sent;
	}
	free(text->bytes);
}

static struct hathi_audit_text begin_line(const char *event)
{
	struct hathi_audit_text text = {0};
	hathi_audit_put(&text, "{", 1);
	hathi_audit_field(&text, "event", event);
	return text;
}

/* Connects to the command, if the pool is an audit's. */
void hathi_audit_start(const struct hathi_worker *worker)
{
	const char *path = hathi_setting_text(worker->settings, HATHI_SETTING_AUDIT_SOCKET);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (path == NULL || strlen(path) >= sizeof address.sun_path) return;
	strcpy(address.sun_path, path);
	audit.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (audit.socket < 0) return;
	if (connect(audit.socket, (struct sockaddr *)&address, sizeof address) != 0) {
		stop();
		return;
	}
	struct hathi_audit_text text = begin_line("worker");
	hathi_audit_field(&text, "pool", worker->pool);
	hathi_audit_field_number(&text, "pid", getpid());
	send_line(&text);
}

/* Frees garbage in cycles: PHP would by itself, at a time of its own. */
static void collect_garbage(void)
{
	for (int round = 0; round < 3 && zend_gc_collect_cycles() > 0; round++) continue;
	hathi_exception_settle();
}

/* The application waits for its next request, or its script has ended after one. */
void hathi_audit_rest(uint64_t served, bool is_ended)
{
	if (audit.socket < 0) return;
	if (served == 0) audit.boots++;
	collect_garbage();
	struct hathi_audit_text text = begin_line("rest");
	hathi_audit_field_number(&text, "boot", audit.boots);
	hathi_audit_field_number(&text, "served", (long long)served);
	hathi_audit_field_number(&text, "ended", is_ended);
	hathi_audit_field_number(&text, "memory", (long long)zend_memory_usage(0));
	hathi_audit_field_number(&text, "level", php_output_get_level());
	hathi_audit_put_settings(&text);
	hathi_audit_put_state(&text, audit.socket);
	hathi_audit_put_probes(&text);
	hathi_audit_put_objects(&text);
	hathi_audit_put_values(&text);
	send_line(&text);
}

/* A handler is about to be called. */
void hathi_audit_handling(void)
{
	if (audit.socket >= 0) audit.level = php_output_get_level();
}

/* A handler has ended, and nothing is put back yet. */
void hathi_audit_handled(bool has_exited)
{
	if (audit.socket < 0) return;
	struct hathi_audit_text text = begin_line("handled");
	hathi_audit_field_number(&text, "exited", has_exited);
	hathi_audit_field_number(&text, "level", php_output_get_level() - audit.level);
	hathi_audit_put_settings(&text);
	send_line(&text);
}
