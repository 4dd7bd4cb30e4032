#include "worker/scheduler.h"

#include <dlfcn.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/calls.h"

/*
 * process.scheduler, sched(7). Under SCHED_BATCH a woken worker does not preempt the running process, so web server
 * and workers do more per time slice and sleep less often. Processes that a script starts must have the usual policy.
 * SCHED_RESET_ON_FORK does not restore it, so the worker itself has it while it makes a process.
 */
static bool is_batch;

static void set_policy(int policy)
{
	const struct sched_param parameters = {.sched_priority = 0};
	/* A system call filter may forbid it. The worker goes on under its policy. */
	if (sched_setscheduler(0, policy, &parameters) != 0) is_batch = false;
}

/* In a new worker: takes the pool's policy, unless the master was started under an unusual one. */
void hathi_scheduler_start(const struct hathi_settings *settings)
{
	const char *name = hathi_setting_text(settings, HATHI_SETTING_PROCESS_SCHEDULER);
	is_batch = name != NULL && strcmp(name, "batch") == 0 && sched_getscheduler(0) == SCHED_OTHER;
	if (is_batch) set_policy(SCHED_BATCH);
}

/* The C library's function, which always exists behind this object's. */
static void *real(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);
	if (symbol == NULL) abort();
	return symbol;
}

static bool begin_child(void)
{
	bool was_batch = is_batch;
	if (was_batch) set_policy(SCHED_OTHER);
	return was_batch && is_batch;
}

static void end_child(bool was_batch)
{
	if (was_batch) set_policy(SCHED_BATCH);
}

HATHI_IN_PLACE pid_t fork(void)
{
	union { void *symbol; pid_t (*call)(void); } next = {.symbol = real("fork")};
	bool was_batch = begin_child();
	pid_t pid = next.call();
	if (pid == 0) is_batch = false;
	else end_child(was_batch);
	return pid;
}

HATHI_IN_PLACE FILE *popen(const char *command, const char *mode)
{
	union { void *symbol; FILE *(*call)(const char *, const char *); } next = {.symbol = real("popen")};
	bool was_batch = begin_child();
	FILE *stream = next.call(command, mode);
	end_child(was_batch);
	return stream;
}

HATHI_IN_PLACE int system(const char *command)
{
	union { void *symbol; int (*call)(const char *); } next = {.symbol = real("system")};
	bool was_batch = begin_child();
	int status = next.call(command);
	end_child(was_batch);
	return status;
}

typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
	char *const[], char *const[]);

static int spawn_by(const char *name, pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const *arguments, char *const *environment)
{
	union { void *symbol; spawn_function *call; } next = {.symbol = real(name)};
	bool was_batch = begin_child();
	int error = next.call(pid, path, actions, attributes, arguments, environment);
	end_child(was_batch);
	return error;
}

HATHI_IN_PLACE int posix_spawn(pid_t *restrict pid, const char *restrict path,
	const posix_spawn_file_actions_t *restrict actions, const posix_spawnattr_t *restrict attributes,
	char *const arguments[restrict], char *const environment[restrict])
{
	return spawn_by("posix_spawn", pid, path, actions, attributes, arguments, environment);
}

HATHI_IN_PLACE int posix_spawnp(pid_t *restrict pid, const char *restrict file,
	const posix_spawn_file_actions_t *restrict actions, const posix_spawnattr_t *restrict attributes,
	char *const arguments[restrict], char *const environment[restrict])
{
	return spawn_by("posix_spawnp", pid, file, actions, attributes, arguments, environment);
}
