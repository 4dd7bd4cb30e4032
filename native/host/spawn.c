#include "host/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host_events.h"
#include "host/passed.h"
#include "host/memory.h"
#include "shared/clock.h"
#include "shared/process.h"
#include "worker/worker.h"

/* Closes the host's ends of a worker's descriptors. */
void hathi_child_close(struct hathi_child *child)
{
	int *const descriptors[] = {&child->control, &child->output[0], &child->output[1], &child->memory};
	for (size_t index = 0; index < sizeof descriptors / sizeof *descriptors; index++) {
		/* Closing removes it from the epoll set, since the worker has closed its copies. */
		if (*descriptors[index] >= 0) close(*descriptors[index]);
		*descriptors[index] = -1;
	}
	if (child->passed_head >= 0) close(child->passed_head);
	child->passed_head = -1;
}

/* In a new worker: closes the host's descriptors. */
static void close_host(struct hathi_host *host)
{
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		if (host->children[slot].pid != 0) hathi_child_close(host->children + slot);
	}
	close(host->epoll);
	close(host->signals);
	close(HATHI_FD_CONTROL);
	close(HATHI_FD_DESCRIPTORS);
	close(host->scoreboard_fd);
	if (host->orphan.socket >= 0) close(host->orphan.socket);
	hathi_passed_close();
	host->channel.fd = -1;
}

static bool redirect(int target, int source)
{
	return source < 0 || dup2(source, target) >= 0;
}

/* Redirects a worker's stdout and stderr into pipes of the host, or into /dev/null. */
static bool redirect_output(const int *output)
{
	int null = output[0] >= 0 ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (output[0] < 0 && null < 0) return true;
	bool done = redirect(STDOUT_FILENO, output[0] >= 0 ? output[0] : null) &&
		redirect(STDERR_FILENO, output[1] >= 0 ? output[1] : null);
	if (null >= 0) close(null);
	if (output[0] >= 0) close(output[0]);
	if (output[1] >= 0) close(output[1]);
	return done;
}

/* The descriptors of a future worker; the host keeps each [0]. */
struct worker_pipes {
	int control[2];
	int out[2];
	int err[2];
};

static void close_pipes(struct worker_pipes *pipes)
{
	const int *const pairs[] = {pipes->control, pipes->out, pipes->err};
	for (size_t index = 0; index < sizeof pairs / sizeof *pairs; index++) {
		if (pairs[index][0] >= 0) close(pairs[index][0]);
		if (pairs[index][1] >= 0) close(pairs[index][1]);
	}
}

/*
 * Makes a pipe for output. The pipe of a PHP-FPM that root started belongs to root: nobody can open it by its name in
 * /proc, and `error_log = /proc/self/fd/2` falls back to the worker's log. Ours belongs to the pool's user, so its
 * mode forbids opening.
 */
static bool make_output(const struct hathi_host *host, int *pipe)
{
	if (pipe2(pipe, O_CLOEXEC) != 0 || fcntl(pipe[0], F_SETFL, O_NONBLOCK) != 0) return false;
	return !hathi_setting_flag(&host->settings, HATHI_SETTING_ROOT) || fchmod(pipe[0], 0) == 0;
}

static bool make_pipes(const struct hathi_host *host, struct worker_pipes *pipes)
{
	*pipes = (struct worker_pipes){{-1, -1}, {-1, -1}, {-1, -1}};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pipes->control) != 0) return false;
	return !host->catches_output || (make_output(host, pipes->out) && make_output(host, pipes->err));
}

_Noreturn static void run_worker(struct hathi_host *host, uint32_t slot, struct worker_pipes *pipes, pid_t host_pid)
{
	close(pipes->control[0]);
	if (pipes->out[0] >= 0) close(pipes->out[0]);
	if (pipes->err[0] >= 0) close(pipes->err[0]);
	close_host(host);
	hathi_memory_offer(host, pipes->control[1]);
	/* A worker whose host died finishes its request: nobody could tell it to end any more. */
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	if (getppid() != host_pid) _exit(0);
	const int output[] = {pipes->out[1], pipes->err[1]};
	if (!redirect_output(output)) _exit(HATHI_EXIT_FAILED);
	const struct hathi_worker_setup setup = {
		.engine = host->php->engine,
		.settings = &host->settings,
		.access_format = host->access_format,
		.pool = host->pool,
		.scoreboard = host->scoreboard,
		.shared = host->shared,
		.notes = &host->notes,
		.slot_number = slot,
		.slot_count = host->slot_count,
		.booted_slots = host->booted_slots,
		.lane = host->lane,
		.control = pipes->control[1],
		.listen_fd = host->listen_fd,
		.log_fd = host->log_fd,
		.catches_output = host->catches_output,
		.accepting = host->accepting,
		.keeps_counts = host->orphan.is_orphan,
	};
	hathi_worker_main(&setup);
}

static void watch(const struct hathi_host *host, int fd, enum hathi_host_source source, uint32_t slot)
{
	if (fd < 0) return;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = hathi_host_event(source, slot)};
	epoll_ctl(host->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Makes a worker in the slot. Returns 0 or an errno. */
int hathi_spawn(struct hathi_host *host, uint32_t slot)
{
	struct worker_pipes pipes;
	pid_t host_pid = getpid();
	if (!make_pipes(host, &pipes)) {
		int error = errno;
		close_pipes(&pipes);
		return error;
	}
	/* No signal may arrive before the worker has its own handlers; it sets its mask then. */
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();
	if (pid == 0) run_worker(host, slot, &pipes, host_pid);
	int error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0) {
		close_pipes(&pipes);
		return error;
	}
	close(pipes.control[1]);
	if (pipes.out[1] >= 0) close(pipes.out[1]);
	if (pipes.err[1] >= 0) close(pipes.err[1]);
	host->children[slot] = (struct hathi_child){
		.pid = pid,
		.control = pipes.control[0],
		.output = {pipes.out[0], pipes.err[0]},
		.passed_head = -1,
		.memory = -1,
		.started = hathi_clock(CLOCK_MONOTONIC),
	};
	host->child_count++;
	watch(host, pipes.control[0], HATHI_FROM_CONTROL, slot);
	watch(host, pipes.out[0], HATHI_FROM_STDOUT, slot);
	watch(host, pipes.err[0], HATHI_FROM_STDERR, slot);
	return 0;
}
