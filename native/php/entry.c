#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "host/keeper.h"
#include "host/template.h"
#include "php/host_php.h"
#include "php/programs.h"

/*
 * This object is preloaded into the system's PHP program, which provides PHP's symbols, so nothing of PHP is linked.
 * Where preloading does not work, a small program is linked with this object and libphp. In both cases this file
 * makes the C library call our main instead of the program's.
 */

typedef int main_function(int, char **, char **);
typedef int start_function(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

static int hathi_main(int argc, char **argv, char **environment)
{
	/* Programs that scripts start must not be taken over. */
	unsetenv("LD_PRELOAD");
	if (argc == 2 && strcmp(argv[1], "--probe") == 0) return hathi_php_probe();
	if (argc >= 2 && strcmp(argv[1], "--info") == 0) return hathi_php_info(argc - 2, argv + 2);
	if (argc == 2 && strcmp(argv[1], "--check") == 0) return hathi_php_check();
	if (argc >= 2 && strcmp(argv[1], "--template") == 0) return hathi_template_main(&hathi_php, argc, argv, environment);
	if (argc >= 2 && strcmp(argv[1], "--keeper") == 0) return hathi_keeper_main(hathi_php.program, argc, argv, environment);
	return hathi_host_main(&hathi_php, argc, argv, environment);
}

__attribute__((visibility("default"))) int __libc_start_main(main_function *main, int argc, char **argv,
	void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
	void (*rtld_fini)(void), void *stack_end)
{
	(void)main;
	union {
		void *symbol;
		start_function *call;
	} real = {.symbol = dlsym(RTLD_NEXT, "__libc_start_main")};
	if (real.symbol == NULL) abort();
	return real.call(hathi_main, argc, argv, init, fini, rtld_fini, stack_end);
}
