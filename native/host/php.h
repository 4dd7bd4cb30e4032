/* What a host and a template need of PHP: the room php gives it, and no file of this room knows more of PHP. */
#ifndef HATHI_HOST_PHP_H
#define HATHI_HOST_PHP_H

#include <stdint.h>

#include "worker/engine.h"

struct hathi_host;

struct hathi_host_php {
	/* Major and minor version, "8.2". */
	const char *version;
	/* The name that the program goes by in Debian, "php-fpm8.2". */
	const char *program;
	/* For the workers. */
	const struct hathi_engine *engine;
	/* Starts PHP with the pool's ini values. Ends the process with a reason for the master when that fails. */
	void (*start)(struct hathi_host *host);
	/* Has `action` called in the middle of start(), before OPcache's own start. */
	void (*hold)(struct hathi_host *host, void (*action)(struct hathi_host *host));
	/* Tells the master what runs. */
	void (*announce)(struct hathi_host *host);
	/* Publishes where PHP's stack is in a worker's memory. */
	void (*publish_symbols)(uint8_t *scoreboard);
};

#endif
