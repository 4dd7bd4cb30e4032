#include "host/template.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "host/setup.h"
#include "shared/process.h"

/*
 * The template: a PHP that has started except for its OPcache, runs no script, knows no pool, and makes hosts by fork
 * (docs/contract.md). As the parent of its hosts it reports how each of them ended.
 */

enum {
	/* Descriptors of a host: stdout, stderr, then HATHI_FD_CONTROL to HATHI_FD_ACCESS_LOG. */
	FIRST_TARGET = STDOUT_FILENO,
	LAST_TARGET = HATHI_FD_ACCESS_LOG,
	DESCRIPTORS_MOST = LAST_TARGET - FIRST_TARGET + 1,
	DESCRIPTORS_LEAST = DESCRIPTORS_MOST - 1,
	/* The template's own. */
	FD_PASSED = 4,
};

struct template {
	struct hathi_host *host;
	int signals;
};

static void close_all(const int *descriptors, size_t count)
{
	for (size_t index = 0; index < count; index++) close(descriptors[index]);
}

/*
 * Receives the descriptors of one host, which the master sends before the line that asks for it. Returns their
 * number, or -1 with errno.
 */
static int receive_descriptors(int *descriptors)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(DESCRIPTORS_MOST * sizeof(int))];
	} ancillary;
	char byte;
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = ancillary.bytes,
		.msg_controllen = sizeof ancillary.bytes,
	};
	ssize_t got;
	do got = recvmsg(FD_PASSED, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0) return -1;
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	if (rights == NULL || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) {
		errno = EPROTO;
		return -1;
	}
	size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(descriptors, CMSG_DATA(rights), count * sizeof(int));
	if ((message.msg_flags & MSG_CTRUNC) == 0) return (int)count;
	close_all(descriptors, count);
	errno = EMFILE;
	return -1;
}

/* Moves the descriptors to a host's numbers. Some may occupy the numbers of others, so all move away first. */
static bool place_descriptors(const int *descriptors, size_t count)
{
	int moved[DESCRIPTORS_MOST];
	for (size_t index = 0; index < count; index++) {
		moved[index] = fcntl(descriptors[index], F_DUPFD_CLOEXEC, LAST_TARGET + 1);
		if (moved[index] < 0) return false;
		close(descriptors[index]);
	}
	for (size_t index = 0; index < count; index++) {
		if (dup2(moved[index], FIRST_TARGET + (int)index) < 0) return false;
		close(moved[index]);
	}
	return true;
}

/*
 * The C library's generators would continue from the same state in every child. PHP's are seeded at their first use.
 */
static void reseed(void)
{
	unsigned int seed;
	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed) return;
	srandom(seed);
	srand48((long)seed);
}

/* In the child: leaves the template and becomes a host. Returns into PHP's start. */
static void become_host(struct template *template, const int *descriptors, size_t count, const sigset_t *mask)
{
	struct hathi_host *host = template->host;
	close(template->signals);
	close(HATHI_FD_CONTROL);
	close(FD_PASSED);
	if (!place_descriptors(descriptors, count)) _exit(HATHI_EXIT_FAILED);
	sigprocmask(SIG_SETMASK, mask, NULL);
	/* The template's buffered input belongs to another channel. */
	host->channel = (struct hathi_channel){.fd = HATHI_FD_CONTROL};
	host->settings = (struct hathi_settings){0};
	reseed();
	/* As an executed host does: signals of a terminal to the master's group must not reach hosts and workers. */
	setsid();
	hathi_host_begin(host);
}

/* "host ID". Returns true in the child. */
static bool make_host(struct template *template, const char *id)
{
	struct hathi_channel *channel = &template->host->channel;
	int descriptors[DESCRIPTORS_MOST];
	int count = receive_descriptors(descriptors);
	if (count < DESCRIPTORS_LEAST) {
		const char *reason = count < 0 ? strerror(errno) : "too few descriptors came";
		if (count > 0) close_all(descriptors, (size_t)count);
		hathi_channel_say(channel, reason, strlen(reason), "no-host %s", id);
		return false;
	}
	/* The id lies in the channel's buffer, which the child discards. */
	sigset_t mask;
	sigemptyset(&mask);
	pid_t pid = fork();
	if (pid == 0) {
		become_host(template, descriptors, (size_t)count, &mask);
		return true;
	}
	int error = errno;
	close_all(descriptors, (size_t)count);
	if (pid > 0) hathi_channel_word(channel, "host %s %d", id, (int)pid);
	else hathi_channel_say(channel, strerror(error), strlen(strerror(error)), "no-host %s", id);
	return false;
}

/* Reports every host that has ended to the master. */
static void reap(const struct template *template)
{
	struct hathi_channel *channel = &template->host->channel;
	struct signalfd_siginfo ignored;
	while (read(template->signals, &ignored, sizeof ignored) > 0) continue;
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (WIFSIGNALED(status)) hathi_channel_word(channel, "gone %d signal %d", (int)pid, WTERMSIG(status));
		else hathi_channel_word(channel, "gone %d exit %d", (int)pid, WEXITSTATUS(status));
	}
}

/* Obeys all messages so far. Returns true in a child. */
static bool obey_all(struct template *template)
{
	struct hathi_message message;
	int got;
	while ((got = hathi_channel_next(&template->host->channel, &message)) == 1) {
		if (message.word_count != 2 || message.has_payload || strcmp(message.words[0], "host") != 0)
			_exit(HATHI_EXIT_FAILED);
		if (make_host(template, message.words[1])) return true;
	}
	if (got < 0) _exit(HATHI_EXIT_FAILED);
	return false;
}

static void prepare_signals(struct template *template)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	template->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (template->signals < 0)
		hathi_host_fail(template->host, "cannot wait for hosts: %s", strerror(errno));
}

/* Holds PHP's start; each child continues it. The template itself ends when the master is gone. */
static void serve_forks(struct hathi_host *host)
{
	struct template template = {.host = host};
	prepare_signals(&template);
	host->php->announce(host);
	for (;;) {
		struct pollfd sources[] = {
			{.fd = host->channel.fd, .events = POLLIN},
			{.fd = template.signals, .events = POLLIN},
		};
		if (poll(sources, 2, -1) < 0 && errno != EINTR) _exit(HATHI_EXIT_FAILED);
		if (sources[1].revents != 0) reap(&template);
		if (sources[0].revents == 0) continue;
		if (!hathi_channel_fill(&host->channel, false)) _exit(0);
		if (obey_all(&template)) return;
	}
}

/*
 * The life of a template and of its hosts: a child continues here as hathi_host_main() does. Returns the exit code.
 */
int hathi_template_main(const struct hathi_host_php *php, int argc, char **argv, char **environment)
{
	static struct hathi_host host;
	char title[64];
	hathi_title_init(php->program, argc, argv, environment);
	if (!hathi_title_keep_environment()) return HATHI_EXIT_FAILED;
	host.php = php;
	host.channel.fd = HATHI_FD_CONTROL;
	hathi_host_read_settings(&host);
	snprintf(title, sizeof title, "php-fpm: template for PHP %s", php->version);
	hathi_title_set(title);
	fcntl(HATHI_FD_CONTROL, F_SETFD, FD_CLOEXEC);
	fcntl(FD_PASSED, F_SETFD, FD_CLOEXEC);
	php->hold(&host, serve_forks);
	php->start(&host);
	/* Only hosts get here: the template stays in the hook. */
	return hathi_host_run(&host);
}
