#include "host/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/process.h"

/*
 * A worker hands the master a descriptor of its own memory, open for reading, before it runs any script: then the
 * master can look at its PHP stack with no right of its own (no CAP_SYS_PTRACE, whatever Yama says), the worker is
 * never stopped, and the descriptor cannot come to mean another process that gets the same pid.
 *
 * After the change of user a process is not dumpable, so /proc/self/mem belongs to root and it cannot open it. To be
 * dumpable for that moment would let every process of the same user open it as well, also for writing
 * (CVE-2018-10545). So the host keeps a saved group id that nothing else has: whoever wants another process's memory
 * needs his group to be equal to *all three* of its group ids (ptrace(2)), and no process can have a group that is
 * equal to two different ones. The worker gives the extra id up with the very call that ends the moment: the kernel
 * clears the dumpable attribute in every change of the effective group.
 */

/* "nogroup", or its neighbour for a pool that is in it. */
enum { GUARD_GROUP = 65534 };

/* Before chroot: the workers may have no /proc. */
void hathi_memory_prepare(struct hathi_host *host)
{
	host->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	host->guard_group = -1;
}

/* Takes the guard as saved group id, between the change of group and the change of user. */
void hathi_memory_guard(struct hathi_host *host)
{
	gid_t guard = getgid() == GUARD_GROUP ? GUARD_GROUP - 1 : GUARD_GROUP;
	/* A user namespace may not have that id: then there is no moment, and no descriptor. */
	if (setresgid((gid_t)-1, (gid_t)-1, guard) == 0) host->guard_group = (int)guard;
}

/* Opens the memory of a new worker. Returns the descriptor, or -1 with errno; ends the process when it is left open. */
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

/* What an operator can do about a memory that cannot be opened. */
static const char *remedy(const struct hathi_host *host)
{
	if (host->proc_fd < 0) return "; mount /proc where the master runs";
	if (host->guard_group >= 0 || prctl(PR_GET_DUMPABLE) == 1) return "";
	return "; the group that would guard it is not in this user namespace: map the group 65534, or set "
		"process.dumpable = yes";
}

/*
 * In a new worker: sends the descriptor of its memory to the host, or why there is none. To be called before it asks
 * for the death signal, which a change of groups clears.
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

/* In the host: brings a worker's offer to the master, once a worker. */
void hathi_memory_relay(struct hathi_host *host, uint32_t slot, const struct hathi_control *offer, int descriptor)
{
	struct hathi_child *child = host->children + slot;
	char error[128];
	const char *reason = offer->text;
	size_t length = offer->length;
	/* Once it is up it may run scripts, and what it sends then is theirs. */
	if (child->has_offered || child->is_up) return;
	child->has_offered = true;
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
