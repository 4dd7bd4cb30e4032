/* The host's and the template's interface to PHP, implemented by php/. No file in host/ knows more of PHP. */
#ifndef HATHI_HOST_PHP_H
#define HATHI_HOST_PHP_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/engine.h"

struct hathi_host;

struct hathi_host_php {
	/* Major and minor version, "8.2". */
	const char *version;
	/* Its status page has the highest memory use. */
	bool shows_memory_peak;
	/* The program's name in Debian, "php-fpm8.2". */
	const char *program;
	/* The workers' interface. */
	const struct hathi_engine *engine;
	/* Starts PHP with the pool's ini values. Ends the process with a reason for the master when that fails. */
	void (*start)(struct hathi_host *host);
	/* Makes start() call `action` in the middle, before OPcache's own start. */
	void (*hold)(struct hathi_host *host, void (*action)(struct hathi_host *host));
	/* The script that php.ini has OPcache preload; NULL or empty for none. */
	const char *(*preloaded)(void);
	/* Announces engine, PHP version and extensions to the master. */
	void (*announce)(struct hathi_host *host);
	/* Publishes the place of PHP's stack in a worker's memory. */
	void (*publish_symbols)(uint8_t *scoreboard);
};

#endif
