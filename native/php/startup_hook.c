#include "php/php_start.h"

#include "php/php_glue.h"
#include "php/pool_ini.h"

#include <zend_extensions.h>

/*
 * The last moment of PHP's start before OPcache makes its shared memory. Every zend_extension has started by then, and
 * OPcache has put its own start behind zend_post_startup_cb; an extension that starts after it can wrap that. So a
 * template can wait here and fork hosts, each of which goes on with an OPcache of its own, and what a pool sets for
 * OPcache comes in time.
 */

static zend_result (*start_opcache)(void);
static void (*before_opcache)(struct hathi_host *host);
static struct hathi_host *hook_host;

static zend_result run_hook(void)
{
	before_opcache(hook_host);
	hathi_pool_ini_before_opcache(hook_host);
	return start_opcache == NULL ? SUCCESS : start_opcache();
}

/* Failing is how an extension leaves PHP's list: scripts and phpinfo() are not to see it. */
static int wrap(zend_extension *extension)
{
	(void)extension;
	start_opcache = zend_post_startup_cb;
	zend_post_startup_cb = run_hook;
	return FAILURE;
}

static zend_extension hook = {
	.name = "hathi",
	.version = "1",
	.author = "",
	.URL = "",
	.copyright = "",
	.startup = wrap,
};

/* Calls `action` in the middle of PHP's start, before OPcache's. To be set before PHP is started. */
void hathi_startup_hook(struct hathi_host *host, void (*action)(struct hathi_host *host))
{
	hook_host = host;
	before_opcache = action;
}

/* From the module's own start: those that php.ini names have been registered, so this one starts last. */
void hathi_startup_hook_register(void)
{
	if (before_opcache != NULL) zend_register_extension(&hook, NULL);
}
