/* What a worker needs of PHP: the room php gives it, and no file of this room knows more of PHP. */
#ifndef HATHI_ENGINE_H
#define HATHI_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

struct hathi_connection;
struct hathi_worker;

struct hathi_engine {
	/* In a new worker, whose signal handlers are in place. */
	void (*begin)(struct hathi_worker *worker);
	/* Serves a request and lets go of its connection. Returns false when the worker must not serve another one. */
	bool (*serve)(struct hathi_worker *worker, struct hathi_connection *connection);
	/* Adds a message for the web server to the response that is under way, if there is one. */
	void (*message)(const char *text, size_t length);
};

#endif
