#include "host/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shared/process.h"

/*
 * A worker gives the master a read-only descriptor of its own memory before it runs any script. With it the master
 * reads the worker's PHP stack without a right of its own (no CAP_SYS_PTRACE, under any Yama scope) and without
 * stopping the worker, and the descriptor cannot come to mean another process with the same pid.
 *
 * After the change of user a process is not dumpable, so /proc/self/mem belongs to root and the process cannot open
 * it. If it became dumpable for that moment, every process of the same user could open it too, also for writing
 * (CVE-2018-10545). So the host keeps a saved group id that no other process has. To open another process's memory, a
 * process needs its group to equal *all three* group ids of the other (ptrace(2)), and no group equals two different
 * ids. The worker drops the extra id with the same call that ends the moment: the kernel clears the dumpable
 * attribute in every change of the effective group.
 */

/* "nogroup"; its neighbour for a pool that has this group. */
enum { GUARD_GROUP = 65534 };

/* Call this before chroot(2): the workers may have no /proc. */
void hathi_memory_prepare(struct hathi_host *host)
{
	host->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	host->guard_group = -1;
}

/* Sets the guard as saved group id. Call it after the change of group and before the change of user. */
void hathi_memory_guard(struct hathi_host *host)
{
	gid_t guard = getgid() == GUARD_GROUP ? GUARD_GROUP - 1 : GUARD_GROUP;
	/* A user namespace may lack that id. Then the memory is not opened. */
	if (setresgid((gid_t)-1, (gid_t)-1, guard) == 0) host->guard_group = (int)guard;
}

/*
 * Opens the memory of a new worker. Returns the descriptor, or -1 with errno. Ends the process if it would stay
 * dumpable.
 */
static int open_memory(const struct hathi_host *host)
{
	const char file[] = "self/mem";
	gid_t group = getgid();
	bool hidden = prctl(PR_GET_DUMPABLE) != 1 && geteuid() != 0;
	if (!hidden || host->guard_group < 0) {
		int fd = openat(host->proc_fd, file, O_RDONLY | O_CLOEXEC);
		int error = errno;
		if (host->guard_group >= 0 && setresgid(group, group, group) != 0) _exit(HATHI_EXIT_FAILED);
		errno = error;
		return fd;
	}
	int fd = -1;
	if (setresgid((gid_t)-1, (gid_t)host->guard_group, (gid_t)-1) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0)
		fd = openat(host->proc_fd, file, O_RDONLY | O_CLOEXEC);
	int error = errno;
	if (setresgid(group, group, group) != 0 || prctl(PR_GET_DUMPABLE) == 1) _exit(HATHI_EXIT_FAILED);
	errno = error;
	return fd;
}

/* The remedy when the memory cannot be opened. */
static const char *remedy(const struct hathi_host *host)
{
	if (host->proc_fd < 0) return "; mount /proc where the master runs";
	if (host->guard_group >= 0 || prctl(PR_GET_DUMPABLE) == 1) return "";
	return "; the group that would guard it is not in this user namespace: map the group 65534, or set "
		"process.dumpable = yes";
}

/*
 * In a new worker: sends the host the descriptor of its memory, or the reason why it has none. Call it before
 * PR_SET_PDEATHSIG, which a change of groups clears.
 */
void hathi_memory_offer(struct hathi_host *host, int control)
{
	struct hathi_control offer = {.type = HATHI_CONTROL_MEMORY};
	int fd = open_memory(host);
	if (fd < 0) {
		offer.length = (uint32_t)snprintf(offer.text, sizeof offer.text, "the worker cannot open /proc/self/mem: %s%s",
			strerror(errno), remedy(host));
	}
	hathi_control_send(control, &offer, fd);
	if (fd >= 0) close(fd);
	if (host->proc_fd >= 0) close(host->proc_fd);
	host->proc_fd = -1;
}

/* Sends a descriptor to the master, with the one byte of docs/contract.md. Returns false with errno. */
static bool pass(int descriptor)
{
	return hathi_send_descriptor(HATHI_FD_DESCRIPTORS, ".", 1, descriptor);
}

/* Passes a worker's memory, which the host has kept, to the next master. */
void hathi_memory_pass(struct hathi_host *host, uint32_t slot)
{
	static const char reason[] = "the last master could not be given the worker's memory";
	const struct hathi_child *child = host->children + slot;
	if (child->memory >= 0 && pass(child->memory))
		hathi_channel_word(&host->channel, "memory %u %d", slot, (int)child->pid);
	else
		hathi_channel_say(&host->channel, reason, sizeof reason - 1, "no-memory %u %d", slot, (int)child->pid);
}

/* In the host: passes a worker's offer to the master, once per worker. */
void hathi_memory_relay(struct hathi_host *host, uint32_t slot, const struct hathi_control *offer, int descriptor)
{
	struct hathi_child *child = host->children + slot;
	char error[128];
	const char *reason = offer->text;
	size_t length = offer->length;
	/* A worker that is up may run scripts, so its later messages may be theirs. */
	if (child->has_offered || child->is_up) return;
	child->has_offered = true;
	/* Without it the next master sees no stack of this worker, which is no reason to end anything. */
	if (descriptor >= 0) child->memory = fcntl(descriptor, F_DUPFD_CLOEXEC, HATHI_FD_ACCESS_LOG + 1);
	if (host->channel.fd < 0) return;
	if (descriptor >= 0 && pass(descriptor)) {
		hathi_channel_word(&host->channel, "memory %u %d", slot, (int)child->pid);
		return;
	}
	if (descriptor >= 0) {
		length = (size_t)snprintf(error, sizeof error, "the host cannot pass the worker's memory: %s", strerror(errno));
		reason = error;
	}
	hathi_channel_say(&host->channel, reason, length, "no-memory %u %d", slot, (int)child->pid);
}
