#include "worker/cpu_timer.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "shared/clock.h"

/*
 * PHP's time limit without its system calls. In every request PHP arms ITIMER_PROF twice, disarms it once and
 * installs the handler of SIGPROF again: five system calls for a limit that is almost never reached. This object is
 * preloaded, so PHP calls the functions below instead of the C library's.
 *
 * A worker has one timer on its CPU clock. It is armed for the limit or an earlier moment, and stays armed when a
 * request ends, so most requests find it armed and call nothing. When it fires after the limit of the running
 * request, it sends SIGPROF as ITIMER_PROF would have done. Otherwise it is armed for the rest. So a worker gets one
 * signal of its own per max_execution_time of CPU time, and the limits stay exact.
 *
 * Every other use goes to the C library, and so does every use outside of workers.
 */

#ifdef __GLIBC__
typedef __itimer_which_t timer_kind;
#else
typedef int timer_kind;
#endif

typedef int setitimer_function(timer_kind, const struct itimerval *, struct itimerval *);
typedef int sigaction_function(int, const struct sigaction *, struct sigaction *);
typedef int sigprocmask_function(int, const sigset_t *, sigset_t *);

enum {
	/* SIGRTMIN + this; faults.c has its own. */
	SIGNAL_TICK = 5,
	/* A reading of the CPU clock is used for this long: a thread cannot use more CPU time than wall time. */
	READING_MICROS = 2000,
};

static timer_t tick_timer;
static volatile sig_atomic_t is_started;
/* Microseconds of the CPU clock, 0 when unset. The tick's handler uses them too. */
static _Atomic uint64_t limit_at;
static _Atomic uint64_t armed_at;
static uint64_t reading;
static uint64_t reading_clock;
/* The action that SIGPROF was set to, and whether SIGPROF may be blocked. */
static struct sigaction limit_action;
static volatile sig_atomic_t has_limit_action;
static volatile sig_atomic_t may_be_blocked = 1;

/* The C library's function behind ours. */
static void *real_function(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static int real_setitimer(timer_kind which, const struct itimerval *value, struct itimerval *old)
{
	static setitimer_function *call;
	if (call == NULL) call = (setitimer_function *)real_function("setitimer");
	return call(which, value, old);
}

static int real_sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
	static sigaction_function *call;
	if (call == NULL) call = (sigaction_function *)real_function("sigaction");
	return call(number, action, old);
}

static int real_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	static sigprocmask_function *call;
	if (call == NULL) call = (sigprocmask_function *)real_function("sigprocmask");
	return call(how, set, old);
}

/* Arms the timer. Returns false when the system refuses. */
static bool arm(uint64_t at)
{
	const struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(at / 1000000), .tv_nsec = (long)(at % 1000000) * 1000},
	};
	armed_at = at;
	return timer_settime(tick_timer, TIMER_ABSTIME, &when, NULL) == 0;
}

static void on_tick(int number)
{
	(void)number;
	int error = errno;
	uint64_t limit = limit_at;
	armed_at = 0;
	if (limit != 0 && hathi_clock(CLOCK_PROCESS_CPUTIME_ID) < limit) {
		arm(limit);
	} else if (limit != 0) {
		limit_at = 0;
		/* An earlier request's extension may have taken the signal. It must not take the limit with it. */
		if (has_limit_action) real_sigaction(SIGPROF, &limit_action, NULL);
		kill(getpid(), SIGPROF);
	}
	errno = error;
}

/* A process that a script forks has no timer (timer_create(2)). */
static void after_fork(void)
{
	is_started = 0;
}

/* Makes the timer of a new worker. Without it every call goes to the C library. */
void hathi_cpu_timer_start(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + SIGNAL_TICK};
	struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
	if (real_sigaction(SIGRTMIN + SIGNAL_TICK, &action, NULL) != 0) return;
	if (pthread_atfork(NULL, NULL, after_fork) != 0) return;
	is_started = timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &tick_timer) == 0;
}

/* Reads the CPU clock, in microseconds, at a time of CLOCK_MONOTONIC. */
uint64_t hathi_cpu_read(uint64_t clock)
{
	reading = hathi_clock(CLOCK_PROCESS_CPUTIME_ID);
	reading_clock = clock;
	return reading;
}

/* The CPU clock or up to READING_MICROS more, never less. */
static uint64_t cpu_now(void)
{
	uint64_t now = hathi_clock(CLOCK_MONOTONIC);
	if (now - reading_clock > READING_MICROS) hathi_cpu_read(now);
	return reading + READING_MICROS;
}

static bool is_limit(timer_kind which, const struct itimerval *value, const struct itimerval *old)
{
	return is_started && which == ITIMER_PROF && old == NULL && value != NULL && !timerisset(&value->it_interval);
}

__attribute__((visibility("default"))) int setitimer(timer_kind which, const struct itimerval *restrict value,
	struct itimerval *restrict old)
{
	if (!is_limit(which, value, old)) return real_setitimer(which, value, old);
	if (!timerisset(&value->it_value)) {
		limit_at = 0;
		return 0;
	}
	uint64_t limit = cpu_now() + (uint64_t)value->it_value.tv_sec * 1000000 + (uint64_t)value->it_value.tv_usec;
	/* The order matters: a tick in between arms the timer for this limit. */
	limit_at = limit;
	uint64_t armed = armed_at;
	if ((armed != 0 && armed <= limit) || arm(limit)) return 0;
	limit_at = 0;
	is_started = 0;
	return real_setitimer(which, value, old);
}

/* Compares the part of a set that the kernel uses; nobody fills the rest. */
static bool is_same_set(const sigset_t *one, const sigset_t *other)
{
	return memcmp(one, other, _NSIG / 8) == 0;
}

__attribute__((visibility("default"))) int sigaction(int number, const struct sigaction *restrict action,
	struct sigaction *restrict old)
{
	if (!is_started || number != SIGPROF || action == NULL) return real_sigaction(number, action, old);
	bool is_same = has_limit_action && action->sa_sigaction == limit_action.sa_sigaction &&
		action->sa_flags == limit_action.sa_flags &&
		is_same_set(&action->sa_mask, &limit_action.sa_mask);
	if (is_same && old == NULL) return 0;
	int result = real_sigaction(number, action, old);
	has_limit_action = result == 0;
	limit_action = *action;
	return result;
}

/* Whether the set has SIGPROF and no other signal in it. */
static bool is_only_limit(const sigset_t *set)
{
	sigset_t only;
	sigemptyset(&only);
	sigaddset(&only, SIGPROF);
	return is_same_set(set, &only);
}

__attribute__((visibility("default"))) int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	if (!is_started || set == NULL) return real_sigprocmask(how, set, old);
	if (how != SIG_UNBLOCK) {
		may_be_blocked = 1;
	} else if (is_only_limit(set)) {
		if (!may_be_blocked && old == NULL) return 0;
		may_be_blocked = 0;
	}
	return real_sigprocmask(how, set, old);
}
