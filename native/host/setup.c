#include "host/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host_events.h"
#include "record/access.h"
#include "record/layout.h"
#include "shared/process.h"

/* Reads the next message of the settings. Ends the process when the master is gone or breaks the contract. */
static void wait_message(struct hathi_host *host, struct hathi_message *message)
{
	for (;;) {
		int got = hathi_channel_next(&host->channel, message);
		if (got == 1) return;
		if (got < 0 || !hathi_channel_fill(&host->channel, true)) _exit(HATHI_EXIT_FAILED);
	}
}

/* Reads the settings up to "start". Ends the process when they do not come. */
void hathi_host_read_settings(struct hathi_host *host)
{
	struct hathi_message message;
	wait_message(host, &message);
	if (message.word_count != 2 || !hathi_message_is(&message, 0, "hathi")) _exit(HATHI_EXIT_FAILED);
	if (strtol(message.words[1], NULL, 10) != HATHI_CONTRACT_VERSION)
		hathi_host_fail(host, "this host speaks contract version %d, the master contract version %s: rebuild it with "
			"\"hathi build\"", HATHI_CONTRACT_VERSION, message.words[1]);
	for (;;) {
		wait_message(host, &message);
		if (hathi_message_is(&message, 0, "start") && message.word_count == 1) return;
		if (!hathi_message_is(&message, 0, "setting") || message.word_count != 2 || !message.has_payload)
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
	/* The next master gets it. */
	host->scoreboard_fd = HATHI_FD_SCOREBOARD;
	fcntl(host->scoreboard_fd, F_SETFD, FD_CLOEXEC);
}

/* Ends the process: the master knows the defaults, and sends every setting. */
static void miss_setting(struct hathi_host *host, const char *name)
{
	hathi_host_fail(host, "the master sent no setting \"%s\"; it is of another version", name);
}

/* Checks that all required settings came. */
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

/* The queue, and the lane, whose slots are the last ones. Every worker inherits the descriptors. */
static void prepare_lane(struct hathi_host *host)
{
	long long slots = 0;
	int queue[2];
	hathi_setting_number(&host->settings, HATHI_SETTING_LANE_SLOTS, &slots);
	if (slots < 0 || slots >= host->slot_count) slots = 0;
	host->lane = (struct hathi_lane){host->slot_count - (uint32_t)slots, -1, -1, -1};
	int room = HATHI_LANE_BYTES;
	if (slots > 0) host->lane.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if ((slots > 0 && host->lane.wake < 0) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, queue) != 0)
		hathi_host_fail(host, "cannot make the queue of connections that wait for a worker: %s", strerror(errno));
	host->lane.queue_in = queue[0];
	host->lane.queue_out = queue[1];
	/* The kernel bounds it by net.core.wmem_max. */
	setsockopt(host->lane.queue_in, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

static void prepare(struct hathi_host *host)
{
	long long number;
	check_settings(host);
	/* The rights are given up later. */
	host->orphan = (struct hathi_orphan){.socket = -1, .master_user = geteuid()};
	host->pool = hathi_setting_text(&host->settings, HATHI_SETTING_POOL);
	if (host->pool == NULL || !hathi_setting_number(&host->settings, HATHI_SETTING_LISTEN_FD, &number))
		hathi_host_fail(host, "the master sent a pool without a name or a listening socket");
	host->listen_fd = (int)number;
	host->log_fd = hathi_setting_number(&host->settings, HATHI_SETTING_ACCESS_LOG_FD, &number) ? (int)number : -1;
	host->catches_output = hathi_setting_flag(&host->settings, HATHI_SETTING_CATCH_WORKERS_OUTPUT);
	host->names_requests = hathi_setting_flag(&host->settings, HATHI_SETTING_REQUEST_ID);
	prepare_access_log(host);
	map_scoreboard(host);
	bool has_application = hathi_setting_text(&host->settings, HATHI_SETTING_WORKER_SCRIPT) != NULL;
	if (!hathi_setting_number(&host->settings, HATHI_SETTING_MAX_CHILDREN, &number) || number > host->slot_count)
		hathi_host_fail(host, "the scoreboard has %u slots, too few for the pool", host->slot_count);
	prepare_lane(host);
	host->booted_slots = has_application ? (uint32_t)number : host->lane.first_slot;
	size_t shared = sizeof *host->shared + host->slot_count * sizeof *host->shared->slots;
	host->shared = mmap(NULL, shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	host->children = calloc(host->slot_count, sizeof *host->children);
	if (host->shared == MAP_FAILED || host->children == NULL) hathi_host_fail(host, "no memory for the workers");
	/* Workers wait for several events at once, so accept(2) must not block. */
	int flags = fcntl(host->listen_fd, F_GETFL);
	if (flags < 0 || fcntl(host->listen_fd, F_SETFL, flags | O_NONBLOCK) != 0)
		hathi_host_fail(host, "cannot use the listening socket on descriptor %d: %s", host->listen_fd, strerror(errno));
	fcntl(host->listen_fd, F_SETFD, FD_CLOEXEC);
	if (host->log_fd >= 0) fcntl(host->log_fd, F_SETFD, FD_CLOEXEC);
	fcntl(HATHI_FD_CONTROL, F_SETFD, FD_CLOEXEC);
	fcntl(HATHI_FD_DESCRIPTORS, F_SETFD, FD_CLOEXEC);
}

/* Signals of the terminal are for the master, which tells the host what to do. */
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

/* Prepares a host before PHP's start, or before the rest of it when a template has begun it. */
void hathi_host_begin(struct hathi_host *host)
{
	hathi_host_read_settings(host);
	prepare(host);
	prepare_signals(host);
}
