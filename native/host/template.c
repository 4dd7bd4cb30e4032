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

#include "host/descriptors.h"
#include "host/host.h"
#include "host/setup.h"
#include "host/spares.h"
#include "shared/process.h"

/*
 * The template: a PHP that has started except for its OPcache, runs no script, knows no pool, and makes hosts by fork
 * (docs/contract.md). As the parent of its hosts it reports how each of them ended.
 */

/* The template's own channel for descriptors of hosts. */
enum { FD_PASSED = 4 };

struct template {
	struct hathi_host *host;
	int signals;
	struct hathi_spares spares;
};

/* In a spare: the channel of its descriptors; -1 in every other process. */
static int assignment = -1;

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

/* In a child: leaves the template. */
static void leave(struct template *template)
{
	sigset_t none;
	struct hathi_host *host = template->host;
	sigemptyset(&none);
	close(template->signals);
	close(HATHI_FD_CONTROL);
	close(FD_PASSED);
	hathi_spares_forget(&template->spares);
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
	if (!hathi_descriptors_place(descriptors, count)) _exit(HATHI_EXIT_FAILED);
	reseed();
	hathi_host_begin(host);
}

/*
 * In a spare whose PHP has started: waits for its pool. Ends the process when the template is gone. No-op in other
 * processes.
 */
void hathi_template_await_pool(struct hathi_host *host)
{
	int descriptors[HATHI_DESCRIPTORS_MOST];
	if (assignment < 0) return;
	int count = hathi_descriptors_receive(assignment, 0, descriptors);
	if (count < HATHI_DESCRIPTORS_LEAST) _exit(0);
	close(assignment);
	assignment = -1;
	for (int place = HATHI_DESCRIPTORS_FIRST + count; place <= HATHI_DESCRIPTORS_LAST; place++) close(place);
	become_host(host, descriptors, (size_t)count);
}

/* Makes a spare. Returns true in the child. */
static bool make_spare(struct template *template)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		hathi_spares_failed(&template->spares);
		return false;
	}
	pid_t pid = fork();
	if (pid == 0) {
		assignment = fcntl(pair[1], F_DUPFD_CLOEXEC, HATHI_DESCRIPTORS_LAST + 1);
		close(pair[0]);
		close(pair[1]);
		leave(template);
		if (assignment < 0 || !hathi_descriptors_keep_places()) _exit(HATHI_EXIT_FAILED);
		hathi_title_set("php-fpm: template's next host");
		return true;
	}
	close(pair[1]);
	if (pid > 0) {
		hathi_spares_add(&template->spares, pid, pair[0]);
		return false;
	}
	close(pair[0]);
	hathi_spares_failed(&template->spares);
	return false;
}

/* "host ID" or "host ID spare". Returns true in the child. */
static bool make_host(struct template *template, const char *id, bool may_be_spare)
{
	struct hathi_channel *channel = &template->host->channel;
	int descriptors[HATHI_DESCRIPTORS_MOST];
	int count = hathi_descriptors_receive(FD_PASSED, MSG_DONTWAIT, descriptors);
	if (count < HATHI_DESCRIPTORS_LEAST) {
		const char *reason = count < 0 ? strerror(errno) : "too few descriptors came";
		if (count > 0) hathi_descriptors_close(descriptors, (size_t)count);
		hathi_channel_say(channel, reason, strlen(reason), "no-host %s", id);
		return false;
	}
	pid_t pid = hathi_spares_take(&template->spares, may_be_spare, descriptors, (size_t)count);
	/* The id lies in the channel's buffer, which the child discards. */
	if (pid == 0) pid = fork();
	if (pid == 0) {
		leave(template);
		become_host(template->host, descriptors, (size_t)count);
		return true;
	}
	int error = errno;
	hathi_descriptors_close(descriptors, (size_t)count);
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
		if (hathi_spares_reaped(&template->spares, pid)) continue;
		if (WIFSIGNALED(status)) hathi_channel_word(channel, "gone %d signal %d", (int)pid, WTERMSIG(status));
		else hathi_channel_word(channel, "gone %d exit %d", (int)pid, WEXITSTATUS(status));
	}
}

/* "spare". */
static void keep_spares(struct template *template)
{
	const char *preloaded = template->host->php->preloaded();
	/* php.ini's preloaded code runs as the pool's user, who is still unknown. */
	if (preloaded == NULL || *preloaded == '\0') hathi_spares_keep(&template->spares);
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
			keep_spares(template);
		else if (message.word_count == 2 && strcmp(message.words[0], "alive") == 0)
			hathi_channel_word(&template->host->channel, "alive %s", message.words[1]);
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
		int ready = poll(sources, 2, hathi_spares_timeout(&template.spares));
		if (ready < 0 && errno != EINTR) _exit(HATHI_EXIT_FAILED);
		if (ready == 0 && hathi_spares_is_due(&template.spares) && make_spare(&template)) return;
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
