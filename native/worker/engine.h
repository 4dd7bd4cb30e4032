/* The worker's interface to PHP, implemented by php/. No file in worker/ knows more of PHP. */
#ifndef HATHI_ENGINE_H
#define HATHI_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

struct hathi_connection;
struct hathi_worker;

struct hathi_engine {
	/* Called in a new worker once its signal handlers are installed. */
	void (*begin)(struct hathi_worker *worker);
	/* Serves a request and finishes its connection. Returns false when the worker must not serve another one. */
	bool (*serve)(struct hathi_worker *worker, struct hathi_connection *connection);
	/* Worker mode: boots the application, which then waits for its requests by itself. Returns when the worker must end. */
	void (*run)(struct hathi_worker *worker);
	/* Adds a message for the web server to the running response, if there is one. */
	void (*message)(const char *text, size_t length);
};

#endif
