#include "host/host.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host/commands.h"
#include "host/host_events.h"
#include "host/listener.h"
#include "host/memory.h"
#include "host/orphan.h"
#include "host/passed.h"
#include "host/relay.h"
#include "host/rights.h"
#include "host/setup.h"
#include "host/workers.h"
#include "shared/process.h"

/* The host's loop: the master's commands, the ends of workers, their output. */

enum {
	/* The host waits this long before it looks again whether a waiting connection was accepted. */
	WATCH_AGAIN_MS = 2,
	EVENTS = 64,
	/* Messages of a worker are read before its output, at most this many. */
	MESSAGES_AHEAD = 16,
};

static bool on_event(struct hathi_host *host, uint64_t data)
{
	uint32_t slot = (uint32_t)data;
	switch ((enum hathi_host_source)(data >> 32)) {
	case HATHI_FROM_MASTER:
		hathi_commands_obey(host);
		return false;
	case HATHI_FROM_SIGNALS:
		hathi_workers_reap(host);
		return false;
	case HATHI_FROM_LISTENER:
		return host->watching && hathi_listener_on_connection(host);
	case HATHI_FROM_CONTROL:
		hathi_relay_control(host, slot);
		hathi_workers_tell_stopped(host);
		hathi_workers_end_others(host);
		return false;
	case HATHI_FROM_NEXT_MASTER:
		hathi_orphan_on_master(host);
		return false;
	case HATHI_FROM_STDOUT:
	case HATHI_FROM_STDERR: {
		int stream = data >> 32 == HATHI_FROM_STDOUT ? 0 : 1;
		/* The last request's end comes first. A worker that sends without end does not hold up the host. */
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

static bool is_drained(const struct hathi_host *host)
{
	return host->draining && host->child_count == 0 && hathi_passed_is_empty();
}

/* Once to each master. */
static void tell_drained(struct hathi_host *host)
{
	if (host->has_told_drained || host->orphan.is_orphan || !is_drained(host)) return;
	host->has_told_drained = true;
	hathi_channel_word(&host->channel, "drained");
}

static void run(struct hathi_host *host)
{
	struct epoll_event events[EVENTS];
	/* Orders that came behind the settings may be in the channel's buffer already. */
	hathi_commands_obey(host);
	for (;;) {
		tell_drained(host);
		if (is_drained(host) && !hathi_orphan_stays(host)) return;
		int count = epoll_wait(host->epoll, events, EVENTS, hathi_orphan_timeout(host));
		if (count < 0 && errno != EINTR) hathi_workers_kill(host, HATHI_EXIT_FAILED);
		bool again = false;
		for (int index = 0; index < count; index++) again |= on_event(host, events[index].data.u64);
		hathi_orphan_check(host);
		/* The listener stays readable until a worker has accepted: avoids a busy loop. */
		if (again && count == 1) usleep(WATCH_AGAIN_MS * 1000);
	}
}

/* Runs a host once PHP has started. Returns the exit code. */
int hathi_host_run(struct hathi_host *host)
{
	char error[1024];
	char title[256];
	hathi_memory_prepare(host);
	if (!hathi_rights_give_up(host, error, sizeof error)) hathi_host_fail(host, "%s", error);
	if (!hathi_settings_environment(&host->settings)) hathi_host_fail(host, "no memory for the environment");
	snprintf(title, sizeof title, "php-fpm: host for %s", host->pool);
	hathi_title_set(title);
	host->php->publish_symbols(host->scoreboard);
	host->php->announce(host);
	run(host);
	return 0;
}

/* The life of a host that was executed. Returns its exit code. */
int hathi_host_main(const struct hathi_host_php *php, int argc, char **argv, char **environment)
{
	static struct hathi_host host;
	hathi_title_init(php->program, argc, argv, environment);
	host.php = php;
	host.channel.fd = HATHI_FD_CONTROL;
	hathi_host_begin(&host);
	php->start(&host);
	return hathi_host_run(&host);
}
