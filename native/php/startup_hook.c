#include "php/php_start.h"

#include "php/php_glue.h"
#include "php/pool_ini.h"
#include "worker/calls.h"

#include <zend_extensions.h>

/*
 * The last moment of PHP's start before OPcache makes its shared memory. All zend_extensions have started, and
 * OPcache has hung its own start on zend_post_startup_cb; an extension that starts later can wrap that. So a template
 * can wait here and fork hosts, each of which continues with its own OPcache, in time for a pool's settings of
 * OPcache.
 */

static zend_result (*start_opcache)(void);
static void (*before_opcache)(struct hathi_host *host);
static struct hathi_host *hook_host;

static zend_result run_hook(void)
{
	hathi_calls_lead_here();
	before_opcache(hook_host);
	hathi_pool_ini_before_opcache(hook_host);
	return start_opcache == NULL ? SUCCESS : start_opcache();
}

/* An extension that fails leaves PHP's list, so scripts and phpinfo() do not see it. */
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

/* Calls `action` in the middle of PHP's start, before OPcache's. Set it before PHP starts. */
void hathi_startup_hook(struct hathi_host *host, void (*action)(struct hathi_host *host))
{
	hook_host = host;
	before_opcache = action;
}

/* Called by our module's start: php.ini's extensions are already registered, so this one starts last. */
void hathi_startup_hook_register(void)
{
	if (before_opcache != NULL) zend_register_extension(&hook, NULL);
}
