#include "php/host_php.h"

#include "php/loop.h"
#include "php/php_glue.h"
#include "php/php_start.h"
#include "php/request.h"
#include "php/sapi.h"
#include "php/symbols_publish.h"

#define VERSION ZEND_TOSTR(PHP_MAJOR_VERSION) "." ZEND_TOSTR(PHP_MINOR_VERSION)

static void begin_worker(struct hathi_worker *worker)
{
	hathi_folder_start();
	hathi_php_in_worker(worker);
}

static const char *preloaded(void)
{
	return zend_ini_string("opcache.preload", sizeof "opcache.preload" - 1, 0);
}

static const struct hathi_engine engine = {
	.begin = begin_worker,
	.serve = hathi_request_serve,
	.run = hathi_loop_run,
	.message = hathi_php_message,
};

const struct hathi_host_php hathi_php = {
	.version = VERSION,
	.shows_memory_peak = PHP_VERSION_ID >= 80400,
	.program = "php-fpm" VERSION,
	.engine = &engine,
	.start = hathi_php_start,
	.hold = hathi_startup_hook,
	.preloaded = preloaded,
	.announce = hathi_php_announce,
	.publish_symbols = hathi_symbols_publish,
};
