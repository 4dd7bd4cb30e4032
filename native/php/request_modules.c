#include "php/request_modules.h"

#include <strings.h>

#include "worker/log.h"

enum { MODULES_MOST = 32 };

static struct {
	/* In the order of their start. */
	zend_module_entry *modules[MODULES_MOST];
	size_t count;
} chosen;

/* The extension of that name, in whatever case; NULL without one. */
zend_module_entry *hathi_request_module_find(const char *name)
{
	zend_module_entry *module;
	ZEND_HASH_FOREACH_PTR(&module_registry, module) {
		if (strcasecmp(module->name, name) == 0) return module;
	} ZEND_HASH_FOREACH_END();
	return NULL;
}

/* False: this PHP has no such extension, or there are too many. */
static bool add_module(const char *name)
{
	zend_module_entry *module = hathi_request_module_find(name);
	if (module == NULL || chosen.count == MODULES_MOST) return false;
	for (size_t index = 0; index < chosen.count; index++) {
		if (chosen.modules[index] == module) return true;
	}
	chosen.modules[chosen.count++] = module;
	return true;
}

/*
 * Extensions that keep state of a request by design: input, the session, compression of output, seeds of random
 * numbers. The pool's own (worker.reset) follow, in the order of PHP's start of a request.
 */
void hathi_request_modules_choose(struct hathi_worker *worker)
{
	static const char *const always[] = {"filter", "session", "random", "zlib", "tidy"};
	for (size_t index = 0; index < sizeof always / sizeof *always; index++) add_module(always[index]);
	size_t cursor = 0;
	const struct hathi_setting *setting;
	while ((setting = hathi_setting_next(worker->settings, HATHI_SETTING_WORKER_RESET, &cursor)) != NULL) {
		if (!add_module(setting->value))
			hathi_worker_tell(worker, HATHI_WARNING, "worker.reset: this PHP has no extension \"%s\"", setting->value);
	}
}

/* Runs their RINIT. */
void hathi_request_modules_start(void)
{
	for (size_t index = 0; index < chosen.count; index++) {
		zend_module_entry *module = chosen.modules[index];
		if (module->request_startup_func != NULL)
			module->request_startup_func(module->type, module->module_number);
	}
}

/* Each RSHUTDOWN runs by itself: a fatal error in one does not skip the others. */
static void stop_module(const zend_module_entry *module)
{
	if (module->request_shutdown_func == NULL) return;
	zend_try {
		module->request_shutdown_func(module->type, module->module_number);
	} zend_end_try();
}

/* Runs their RSHUTDOWN, and what follows it. */
void hathi_request_modules_stop(void)
{
	for (size_t index = chosen.count; index-- > 0;) stop_module(chosen.modules[index]);
	for (size_t index = chosen.count; index-- > 0;) {
		if (chosen.modules[index]->post_deactivate_func != NULL) chosen.modules[index]->post_deactivate_func();
	}
}
