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

enum {
	/* A spare host is made this long after the last host, which gets the processors first. */
	SPARE_DELAY_MS = 100,
};

/*
 * A host that has started PHP, OPcache included, before its pool is known. Only a pool that changes nothing of that
 * start can use it.
 */
struct spare {
	/* 0 when there is no spare. */
	pid_t pid;
	/* Passes its descriptors. */
	int channel;
};

struct template {
	struct hathi_host *host;
	int signals;
	struct spare spare;
	/* The master wants a spare to be kept. */
	bool keeps_spare;
	/* A spare must be made once nothing has happened for a while. */
	bool is_spare_due;
};

/* In a spare: the channel of its descriptors; -1 in every other process. */
static int assignment = -1;

static void close_all(const int *descriptors, size_t count)
{
	for (size_t index = 0; index < count; index++) close(descriptors[index]);
}

/*
 * Receives the descriptors of one host, which the master sends before the line that asks for it. Returns their
 * number, or -1 with errno.
 */
static int receive_descriptors(int from, int flags, int *descriptors)
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
	do got = recvmsg(from, &message, flags | MSG_CMSG_CLOEXEC);
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

/* Passes descriptors on. Returns false when the receiver is gone. */
static bool send_descriptors(int to, const int *descriptors, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(DESCRIPTORS_MOST * sizeof(int))];
	} ancillary = {0};
	char byte = '.';
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = ancillary.bytes,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	ancillary.header.cmsg_level = SOL_SOCKET;
	ancillary.header.cmsg_type = SCM_RIGHTS;
	ancillary.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&ancillary.header), descriptors, count * sizeof(int));
	return sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
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

/* Occupies the numbers of a host's descriptors: files that OPcache opens before a pool comes must lie elsewhere. */
static bool keep_places(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool kept = null >= 0;
	for (int place = HATHI_FD_CONTROL; place <= LAST_TARGET; place++) {
		if (kept && place != null) kept = dup3(null, place, O_CLOEXEC) == place;
	}
	if (null > LAST_TARGET) close(null);
	return kept;
}

static void forget_spare(struct template *template)
{
	if (template->spare.pid != 0) close(template->spare.channel);
	template->spare = (struct spare){0};
}

/* In a child: leaves the template. */
static void leave(struct template *template)
{
	sigset_t none;
	struct hathi_host *host = template->host;
	sigemptyset(&none);
	close(template->signals);
	close(HATHI_FD_CONTROL);
	close(FD_PASSED);
	forget_spare(template);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The template's buffered input belongs to another channel. */
	free(host->channel.bytes);
	host->channel = (struct hathi_channel){.fd = HATHI_FD_CONTROL};
	hathi_settings_clear(&host->settings);
	/* As an executed host does: signals of a terminal to the master's group must not reach hosts and workers. */
	setsid();
}

/* Becomes a host. */
static void become_host(struct hathi_host *host, const int *descriptors, size_t count)
{
	if (!place_descriptors(descriptors, count)) _exit(HATHI_EXIT_FAILED);
	reseed();
	hathi_host_begin(host);
}

/*
 * In a spare whose PHP has started: waits for its pool. Ends the process when the template is gone. No-op in other
 * processes.
 */
void hathi_template_await_pool(struct hathi_host *host)
{
	int descriptors[DESCRIPTORS_MOST];
	if (assignment < 0) return;
	int count = receive_descriptors(assignment, 0, descriptors);
	if (count < DESCRIPTORS_LEAST) _exit(0);
	close(assignment);
	assignment = -1;
	for (int place = FIRST_TARGET + count; place <= LAST_TARGET; place++) close(place);
	become_host(host, descriptors, (size_t)count);
}

/* Makes a spare, if one is wanted and there is none. Returns true in the child. */
static bool make_spare(struct template *template)
{
	int pair[2];
	const char *preloaded = template->host->php->preloaded();
	template->is_spare_due = false;
	/* php.ini's preloaded code runs as the pool's user, who is still unknown. */
	if (!template->keeps_spare || template->spare.pid != 0 || (preloaded != NULL && *preloaded != '\0')) return false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
	pid_t pid = fork();
	if (pid == 0) {
		assignment = fcntl(pair[1], F_DUPFD_CLOEXEC, LAST_TARGET + 1);
		close(pair[0]);
		close(pair[1]);
		leave(template);
		if (assignment < 0 || !keep_places()) _exit(HATHI_EXIT_FAILED);
		hathi_title_set("php-fpm: template's next host");
		return true;
	}
	close(pair[1]);
	if (pid < 0) close(pair[0]);
	else template->spare = (struct spare){.pid = pid, .channel = pair[0]};
	return false;
}

/* Gives the spare to a pool. Returns its process id; 0 when there is none. */
static pid_t give_spare(struct template *template, const int *descriptors, size_t count)
{
	pid_t pid = template->spare.pid;
	if (pid == 0) return 0;
	bool given = send_descriptors(template->spare.channel, descriptors, count);
	forget_spare(template);
	return given ? pid : 0;
}

/* "host ID" or "host ID spare". Returns true in the child. */
static bool make_host(struct template *template, const char *id, bool may_be_spare)
{
	struct hathi_channel *channel = &template->host->channel;
	int descriptors[DESCRIPTORS_MOST];
	int count = receive_descriptors(FD_PASSED, MSG_DONTWAIT, descriptors);
	if (count < DESCRIPTORS_LEAST) {
		const char *reason = count < 0 ? strerror(errno) : "too few descriptors came";
		if (count > 0) close_all(descriptors, (size_t)count);
		hathi_channel_say(channel, reason, strlen(reason), "no-host %s", id);
		return false;
	}
	template->is_spare_due = template->keeps_spare;
	pid_t pid = may_be_spare ? give_spare(template, descriptors, (size_t)count) : 0;
	/* The id lies in the channel's buffer, which the child discards. */
	if (pid == 0) pid = fork();
	if (pid == 0) {
		leave(template);
		become_host(template->host, descriptors, (size_t)count);
		return true;
	}
	int error = errno;
	close_all(descriptors, (size_t)count);
	if (pid > 0) hathi_channel_word(channel, "host %s %d", id, (int)pid);
	else hathi_channel_say(channel, strerror(error), strlen(strerror(error)), "no-host %s", id);
	return false;
}

/* Reports every host that has ended to the master. */
static void reap(struct template *template)
{
	struct hathi_channel *channel = &template->host->channel;
	struct signalfd_siginfo ignored;
	while (read(template->signals, &ignored, sizeof ignored) > 0) continue;
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid == template->spare.pid) forget_spare(template);
		else if (WIFSIGNALED(status)) hathi_channel_word(channel, "gone %d signal %d", (int)pid, WTERMSIG(status));
		else hathi_channel_word(channel, "gone %d exit %d", (int)pid, WEXITSTATUS(status));
	}
}

/* Obeys all messages so far. Returns true in a child. */
static bool obey_all(struct template *template)
{
	struct hathi_message message;
	int got;
	while ((got = hathi_channel_next(&template->host->channel, &message)) == 1) {
		bool is_host = message.word_count >= 2 && strcmp(message.words[0], "host") == 0;
		bool may_be_spare = message.word_count == 3 && strcmp(message.words[2], "spare") == 0;
		if (message.has_payload) _exit(HATHI_EXIT_FAILED);
		if (message.word_count == 1 && strcmp(message.words[0], "spare") == 0)
			template->keeps_spare = template->is_spare_due = true;
		else if (!is_host || (message.word_count > 2 && !may_be_spare)) _exit(HATHI_EXIT_FAILED);
		else if (make_host(template, message.words[1], may_be_spare)) return true;
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
		int ready = poll(sources, 2, template.is_spare_due ? SPARE_DELAY_MS : -1);
		if (ready < 0 && errno != EINTR) _exit(HATHI_EXIT_FAILED);
		if (ready == 0 && make_spare(&template)) return;
		if (ready <= 0) continue;
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
