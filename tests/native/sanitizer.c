/* Part of the engine's build under the address sanitizer: what that wants changed around it. */
#include <dlfcn.h>
#include <sanitizer/lsan_interface.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void __real__exit(int code);
_Noreturn void __wrap__exit(int code);

/*
 * Whether the sanitizer may trace this process, as it does for that: not where its group ids differ (the host of a pool
 * with a user, native/host/memory.c), and not without /proc (in a chroot).
 */
static bool can_look_for_leaks(void)
{
	gid_t real;
	gid_t effective;
	gid_t saved;
	return getresgid(&real, &effective, &saved) == 0 && saved == effective && access("/proc/self/task", R_OK) == 0;
}

/* A worker that ends by itself looks for leaks first: the linker puts this in place of the engine's _exit(2) (--wrap). */
void __wrap__exit(int code)
{
	if (code == 0 && can_look_for_leaks()) __lsan_do_leak_check();
	__real__exit(code);
}

/* PHP opens extensions so that their own symbols come first (RTLD_DEEPBIND). The sanitizer's malloc would not be theirs. */
__attribute__((visibility("default"))) void *dlopen(const char *file, int mode)
{
	void *(*real)(const char *, int);
	*(void **)&real = dlsym(RTLD_NEXT, "dlopen");
	if (real == NULL) abort();
	return real(file, mode & ~RTLD_DEEPBIND);
}
