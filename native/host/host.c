#include "hathi.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host_events.h"
#include "record/layout.h"
#include "php/php_glue.h"
#include "host/relay.h"
#include "record/route.h"

enum {
	/* How long the host waits before it looks again whether a connection that waits was taken. */
	WATCH_AGAIN_MS = 2,
	EVENTS = 64,
	/* Messages of a worker that are taken before its output. */
	MESSAGES_AHEAD = 16,
};

/* Tells the master why the pool cannot be run, and ends. */
void hathi_host_fail(struct hathi_host *host, const char *format, ...)
{
	char text[4096];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (length < 0) length = 0;
	if ((size_t)length >= sizeof text) length = sizeof text - 1;
	hathi_channel_say(&host->channel, text, (size_t)length, "failed");
	/* PHP's own end is left out: it may not have started, and a module that failed may fail again. */
	_exit(HATHI_EXIT_FAILED);
}

static bool is_word(const struct hathi_message *message, int index, const char *word)
{
	return index < message->word_count && strcmp(message->words[index], word) == 0;
}

/* The next message while the settings come in; ends the process when the master is gone or talks nonsense. */
static void wait_message(struct hathi_host *host, struct hathi_message *message)
{
	for (;;) {
		int got = hathi_channel_next(&host->channel, message);
		if (got == 1) return;
		if (got < 0 || !hathi_channel_fill(&host->channel, true)) _exit(HATHI_EXIT_FAILED);
	}
}

/* Reads the settings up to "start"; ends the process when they do not come. */
void hathi_host_read_settings(struct hathi_host *host)
{
	struct hathi_message message;
	wait_message(host, &message);
	if (message.word_count != 2 || !is_word(&message, 0, "hathi")) _exit(HATHI_EXIT_FAILED);
	if (strtol(message.words[1], NULL, 10) != HATHI_CONTRACT_VERSION)
		hathi_host_fail(host, "this host speaks contract version %d, the master contract version %s: rebuild it with "
			"\"hathi build\"", HATHI_CONTRACT_VERSION, message.words[1]);
	for (;;) {
		wait_message(host, &message);
		if (is_word(&message, 0, "start") && message.word_count == 1) return;
		if (!is_word(&message, 0, "setting") || message.word_count != 2 || !message.has_payload)
			_exit(HATHI_EXIT_FAILED);
		if (!hathi_settings_add(&host->settings, message.words[1], message.payload, message.payload_length))
			hathi_host_fail(host, "no memory for the settings");
	}
}

static void map_scoreboard(struct hathi_host *host)
{
	struct stat file;
	if (fstat(HATHI_FD_SCOREBOARD, &file) != 0 || file.st_size < HATHI_SB_HEADER_SIZE)
		hathi_host_fail(host, "cannot use the scoreboard on descriptor %d: it is too small", HATHI_FD_SCOREBOARD);
	host->scoreboard = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, HATHI_FD_SCOREBOARD, 0);
	if (host->scoreboard == MAP_FAILED)
		hathi_host_fail(host, "cannot map the scoreboard: %s", strerror(errno));
	uint32_t version;
	uint32_t slots;
	memcpy(&version, host->scoreboard + HATHI_SB_HEADER_VERSION, sizeof version);
	memcpy(&slots, host->scoreboard + HATHI_SB_HEADER_SLOT_COUNT, sizeof slots);
	size_t needed = HATHI_SB_HEADER_SIZE + (size_t)slots * HATHI_SB_SLOT_SIZE + HATHI_SB_ROUTES_SIZE;
	if (version != HATHI_SB_VERSION || needed > (size_t)file.st_size)
		hathi_host_fail(host, "the scoreboard has layout %u, this host knows %d: rebuild it with \"hathi build\"",
			version, HATHI_SB_VERSION);
	host->slot_count = slots;
	close(HATHI_FD_SCOREBOARD);
}

/* Ends the process: defaults are the master's, which fills them in. */
static void miss_setting(struct hathi_host *host, const char *name)
{
	hathi_host_fail(host, "the master sent no setting \"%s\"; it is of another version", name);
}

/* Checks that the settings are all there. */
static void check_settings(struct hathi_host *host)
{
	const char *missing = hathi_setting_missing(&host->settings);
	if (missing != NULL) miss_setting(host, missing);
	if (hathi_setting_text(&host->settings, HATHI_SETTING_PING_PATH) != NULL &&
		hathi_setting_text(&host->settings, HATHI_SETTING_PING_RESPONSE) == NULL)
		miss_setting(host, HATHI_SETTING_PING_RESPONSE);
}

static void prepare_access_log(struct hathi_host *host)
{
	char error[256];
	const char *format = hathi_setting_text(&host->settings, HATHI_SETTING_ACCESS_FORMAT);
	if (host->log_fd < 0) return;
	if (format == NULL) miss_setting(host, HATHI_SETTING_ACCESS_FORMAT);
	host->access_format = hathi_access_compile(format, error, sizeof error);
	if (host->access_format == NULL) hathi_host_fail(host, "%s", error);
}

static void prepare(struct hathi_host *host)
{
	long long number;
	check_settings(host);
	host->pool = hathi_setting_text(&host->settings, HATHI_SETTING_POOL);
	if (host->pool == NULL || !hathi_setting_number(&host->settings, HATHI_SETTING_LISTEN_FD, &number))
		hathi_host_fail(host, "the master sent a pool without a name or a listening socket");
	host->listen_fd = (int)number;
	host->log_fd = hathi_setting_number(&host->settings, HATHI_SETTING_ACCESS_LOG_FD, &number) ? (int)number : -1;
	host->catches_output = hathi_setting_flag(&host->settings, HATHI_SETTING_CATCH_WORKERS_OUTPUT);
	host->names_requests = hathi_setting_flag(&host->settings, HATHI_SETTING_REQUEST_ID);
	prepare_access_log(host);
	map_scoreboard(host);
	size_t shared = sizeof *host->shared + host->slot_count * sizeof *host->shared->slots;
	host->shared = mmap(NULL, shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	host->children = calloc(host->slot_count, sizeof *host->children);
	if (host->shared == MAP_FAILED || host->children == NULL) hathi_host_fail(host, "no memory for the workers");
	/* Workers wait for several things at once, so accept(2) must not hold them. */
	int flags = fcntl(host->listen_fd, F_GETFL);
	if (flags < 0 || fcntl(host->listen_fd, F_SETFL, flags | O_NONBLOCK) != 0)
		hathi_host_fail(host, "cannot use the listening socket on descriptor %d: %s", host->listen_fd, strerror(errno));
	fcntl(host->listen_fd, F_SETFD, FD_CLOEXEC);
	if (host->log_fd >= 0) fcntl(host->log_fd, F_SETFD, FD_CLOEXEC);
	fcntl(HATHI_FD_CONTROL, F_SETFD, FD_CLOEXEC);
	fcntl(HATHI_FD_DESCRIPTORS, F_SETFD, FD_CLOEXEC);
}

/* The terminal's signals are the master's: it tells the host what to do. */
static void prepare_signals(struct hathi_host *host)
{
	static const int ignored[] = {SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};
	for (size_t index = 0; index < sizeof ignored / sizeof *ignored; index++) signal(ignored[index], SIG_IGN);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	host->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	host->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (host->signals < 0 || host->epoll < 0)
		hathi_host_fail(host, "cannot wait for workers: %s", strerror(errno));
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = hathi_host_event(HATHI_FROM_SIGNALS, 0)};
	epoll_ctl(host->epoll, EPOLL_CTL_ADD, host->signals, &event);
	event.data.u64 = hathi_host_event(HATHI_FROM_MASTER, 0);
	epoll_ctl(host->epoll, EPOLL_CTL_ADD, host->channel.fd, &event);
}

static bool read_slot(const struct hathi_host *host, const struct hathi_message *message, uint32_t *slot)
{
	if (message->word_count < 2) return false;
	char *end;
	unsigned long value = strtoul(message->words[1], &end, 10);
	*slot = (uint32_t)value;
	return *end == '\0' && value < host->slot_count;
}

static void start_worker(struct hathi_host *host, uint32_t slot)
{
	struct hathi_child *child = host->children + slot;
	/* The master asked for it just when it was made on its grant. */
	bool is_made = child->pid != 0 && child->is_granted;
	child->is_granted = false;
	if (is_made) return;
	int error = host->draining ? ECANCELED : child->pid != 0 ? EEXIST : hathi_spawn(host, slot);
	if (error == 0) return;
	if (!host->draining)
		hathi_channel_log(&host->channel, HATHI_ERROR, "fork() failed: %s", strerror(error));
	hathi_channel_word(&host->channel, "ended %u 0 exit %d", slot, HATHI_EXIT_FAILED);
}

static void reopen_log(struct hathi_host *host)
{
	int descriptor;
	char byte;
	hathi_receive_descriptor(HATHI_FD_DESCRIPTORS, &byte, 1, &descriptor);
	if (descriptor < 0) {
		hathi_channel_log(&host->channel, HATHI_ERROR, "no descriptor came for the new access log");
		return;
	}
	hathi_relay_to_all(host, HATHI_CONTROL_ACCESS_LOG, descriptor);
	atomic_fetch_add(&host->shared->log_generation, 1);
	/* New workers get it by inheritance. */
	if (host->log_fd >= 0) {
		dup3(descriptor, host->log_fd, O_CLOEXEC);
		close(descriptor);
	} else {
		host->log_fd = descriptor;
	}
}

/* "status-reply ID STATUS", whose page comes as a descriptor, or "no-status ID". */
static void answer_status(struct hathi_host *host, const struct hathi_message *message)
{
	int page = -1;
	char byte;
	uint32_t status = 500;
	if (message->word_count == 3) {
		hathi_receive_descriptor(HATHI_FD_DESCRIPTORS, &byte, 1, &page);
		status = (uint32_t)strtoul(message->words[2], NULL, 10);
	}
	hathi_relay_status(host, message->words[1], status, page);
	if (page >= 0) close(page);
}

static void set_watch(struct hathi_host *host, bool on)
{
	if (host->watching == on) return;
	host->watching = on;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = hathi_host_event(HATHI_FROM_LISTENER, 0)};
	epoll_ctl(host->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, host->listen_fd, &event);
}

/* "watch [COVERED [SLOT]]". How many connections wait cannot be seen here: with a number over 0 the next one counts. */
static bool start_watch(struct hathi_host *host, const struct hathi_message *message)
{
	char *end;
	unsigned long slot = message->word_count > 2 ? strtoul(message->words[2], &end, 10) : host->slot_count;
	if (message->word_count > 2 && (*end != '\0' || slot >= host->slot_count)) return false;
	host->granted = message->word_count > 2 ? (int32_t)slot : -1;
	if (!host->draining && (message->word_count == 1 || is_word(message, 1, "0"))) set_watch(host, true);
	return true;
}

/* Tells the master once that no worker accepts any more. */
static void tell_stopped(struct hathi_host *host)
{
	if (!host->draining || host->has_told_stopped) return;
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		if (host->children[slot].pid != 0 && atomic_load(&host->shared->slots[slot].may_accept) != 0) return;
	}
	host->has_told_stopped = true;
	hathi_channel_word(&host->channel, "stopped");
}

/*
 * Tells a worker to end after its request. Not by a signal, which would end a sleep or a wait of its script: the flag is
 * for one that runs, which looks before it waits, the message for one that waits.
 */
static void tell_to_end(struct hathi_host *host, uint32_t slot)
{
	const struct hathi_control quit = {.type = HATHI_CONTROL_QUIT};
	if (host->children[slot].pid == 0) return;
	atomic_store(&host->shared->slots[slot].is_to_end, 1);
	if (host->children[slot].control >= 0) hathi_control_send(host->children[slot].control, &quit, -1);
}

static void drain(struct hathi_host *host)
{
	host->draining = true;
	atomic_store(&host->shared->draining, 1);
	set_watch(host, false);
	for (uint32_t slot = 0; slot < host->slot_count; slot++) tell_to_end(host, slot);
	tell_stopped(host);
}

/* "end SLOT MODE". Returns false for a mode that there is none of. */
static bool end_worker(struct hathi_host *host, uint32_t slot, const char *mode)
{
	int number = hathi_signal_for(mode);
	bool is_graceful = strcmp(mode, "quit") == 0;
	if (is_graceful) tell_to_end(host, slot);
	else if (number != 0 && host->children[slot].pid != 0) kill(host->children[slot].pid, number);
	return is_graceful || number != 0;
}

/* Carries out a command. Returns false when it is none of the contract. */
static bool obey(struct hathi_host *host, const struct hathi_message *message)
{
	uint32_t slot;
	if (is_word(message, 0, "worker") && read_slot(host, message, &slot)) {
		start_worker(host, slot);
	} else if (is_word(message, 0, "end") && message->word_count == 3 && read_slot(host, message, &slot)) {
		return end_worker(host, slot, message->words[2]);
	} else if (is_word(message, 0, "accept")) {
		host->accepting = true;
		hathi_relay_to_all(host, HATHI_CONTROL_ACCEPT, -1);
	} else if (is_word(message, 0, "watch")) {
		return start_watch(host, message);
	} else if (is_word(message, 0, "drain")) {
		drain(host);
	} else if (is_word(message, 0, "reopen") && is_word(message, 1, "access.log")) {
		reopen_log(host);
	} else if (is_word(message, 0, "status-reply") && message->word_count == 3) {
		answer_status(host, message);
	} else if (is_word(message, 0, "no-status") && message->word_count == 2 && message->has_payload) {
		answer_status(host, message);
	} else if (is_word(message, 0, "alive") && message->word_count == 2) {
		hathi_channel_word(&host->channel, "alive %s", message->words[1]);
	} else {
		return false;
	}
	return true;
}

/*
 * The master has hung up, is gone or out of its mind: everything ends at once. What the workers wrote until then is still
 * passed on; a master that hung up reads it.
 */
_Noreturn static void end_all(struct hathi_host *host, int code)
{
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		if (host->children[slot].pid != 0) kill(host->children[slot].pid, SIGKILL);
	}
	while (wait(NULL) > 0 || errno == EINTR) continue;
	for (uint32_t slot = 0; slot < host->slot_count; slot++) {
		if (host->children[slot].pid != 0) hathi_relay_rest(host, slot);
	}
	_exit(code);
}

static void on_master(struct hathi_host *host)
{
	bool open = hathi_channel_fill(&host->channel, false);
	struct hathi_message message;
	for (int got; (got = hathi_channel_next(&host->channel, &message)) != 0;) {
		if (got < 0 || !obey(host, &message)) end_all(host, HATHI_EXIT_FAILED);
	}
	if (!open) end_all(host, 0);
}

static void report_end(struct hathi_host *host, uint32_t slot, pid_t pid, int status)
{
	if (WIFSIGNALED(status))
		hathi_channel_word(&host->channel, "ended %u %d signal %d%s", slot, (int)pid, WTERMSIG(status),
			WCOREDUMP(status) ? " core" : "");
	else
		hathi_channel_word(&host->channel, "ended %u %d exit %d", slot, (int)pid, WEXITSTATUS(status));
}

static void reap(struct hathi_host *host)
{
	struct signalfd_siginfo information;
	while (read(host->signals, &information, sizeof information) > 0) continue;
	int status;
	pid_t pid;
	bool ended = false;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (uint32_t slot = 0; slot < host->slot_count; slot++) {
			struct hathi_child *child = host->children + slot;
			if (child->pid != pid) continue;
			hathi_relay_rest(host, slot);
			hathi_child_close(child);
			child->pid = 0;
			host->child_count--;
			hathi_routes_let_go(host->shared, slot);
			hathi_slot_clear(host->scoreboard, slot);
			atomic_store(&host->shared->slots[slot].is_free, 0);
			atomic_store(&host->shared->slots[slot].is_unsure, 0);
			atomic_store(&host->shared->slots[slot].is_to_end, 0);
			report_end(host, slot, pid, status);
			ended = true;
			break;
		}
	}
	tell_stopped(host);
	/* The kernel may have woken just the one that is gone for a connection that still waits. */
	if (ended && !host->draining) hathi_relay_to_all(host, HATHI_CONTROL_LOOK_AGAIN, -1);
}

/*
 * A connection waits: unless an idle worker is about to take it, it is reported, and the worker made that the master
 * granted for it. Returns whether to look again soon.
 */
static bool on_listener(struct hathi_host *host)
{
	bool makes = host->accepting && host->granted >= 0 && host->children[host->granted].pid == 0;
	for (uint32_t slot = 0; host->accepting && slot < host->slot_count; slot++) {
		const struct hathi_child *child = host->children + slot;
		if (child->pid == 0) continue;
		if (hathi_slot_state(host->scoreboard, slot) == HATHI_STAGE_IDLE) return true;
		if (!child->is_up) makes = false;
	}
	set_watch(host, false);
	if (!makes) {
		hathi_channel_word(&host->channel, "waiting");
		return false;
	}
	uint32_t slot = (uint32_t)host->granted;
	/* First, so that the master knows of the worker when it hears how the start ended. */
	hathi_channel_word(&host->channel, "waiting %u", slot);
	start_worker(host, slot);
	host->children[slot].is_granted = host->children[slot].pid != 0;
	return false;
}

static bool on_event(struct hathi_host *host, uint64_t data)
{
	uint32_t slot = (uint32_t)data;
	switch ((enum hathi_host_source)(data >> 32)) {
	case HATHI_FROM_MASTER:
		on_master(host);
		return false;
	case HATHI_FROM_SIGNALS:
		reap(host);
		return false;
	case HATHI_FROM_LISTENER:
		return host->watching && on_listener(host);
	case HATHI_FROM_CONTROL:
		hathi_relay_control(host, slot);
		tell_stopped(host);
		return false;
	case HATHI_FROM_STDOUT:
	case HATHI_FROM_STDERR: {
		int stream = data >> 32 == HATHI_FROM_STDOUT ? 0 : 1;
		/* The end of the request before comes first; what a worker sends without end does not hold the host. */
		for (int round = 0; round < MESSAGES_AHEAD && hathi_relay_control(host, slot); round++) continue;
		if (!hathi_relay_output(host, slot, stream)) {
			close(host->children[slot].output[stream]);
			host->children[slot].output[stream] = -1;
		}
		return false;
	}
	}
	return false;
}

static void run(struct hathi_host *host)
{
	struct epoll_event events[EVENTS];
	while (!host->draining || host->child_count > 0) {
		int count = epoll_wait(host->epoll, events, EVENTS, -1);
		if (count < 0 && errno != EINTR) end_all(host, HATHI_EXIT_FAILED);
		bool again = false;
		for (int index = 0; index < count; index++) again |= on_event(host, events[index].data.u64);
		/* The listener stays readable until a worker has accepted: not to be asked in a circle. */
		if (again && count == 1) usleep(WATCH_AGAIN_MS * 1000);
	}
	hathi_channel_word(&host->channel, "drained");
}

/* What a host does before PHP's start, or before the rest of it where a template has begun it. */
void hathi_host_begin(struct hathi_host *host)
{
	hathi_host_read_settings(host);
	prepare(host);
	prepare_signals(host);
}

/* What it does afterwards. Returns the exit code. */
int hathi_host_run(struct hathi_host *host)
{
	char error[1024];
	char title[256];
	hathi_memory_prepare(host);
	if (!hathi_rights_give_up(host, error, sizeof error)) hathi_host_fail(host, "%s", error);
	if (!hathi_settings_environment(&host->settings)) hathi_host_fail(host, "no memory for the environment");
	snprintf(title, sizeof title, "php-fpm: host for %s", host->pool);
	hathi_title_set(title);
	hathi_symbols_publish(host->scoreboard);
	hathi_php_ready(host);
	run(host);
	return 0;
}

/* The life of a host that was executed. Returns its exit code. */
int hathi_host_main(int argc, char **argv, char **environment)
{
	static struct hathi_host host;
	hathi_title_init(argc, argv, environment);
	host.channel.fd = HATHI_FD_CONTROL;
	hathi_host_begin(&host);
	hathi_php_start(&host);
	return hathi_host_run(&host);
}
