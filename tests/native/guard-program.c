/*
 * The moment in which a worker opens its own memory, looked at by another process of the same user (native/host/memory.c).
 * To be started as root. Prints a line a fact: what the other process got in the moment and after it, and what became
 * of the worker.
 *
 *   guard-program guarded|bare|none    bare: the worker gives the guard up too early, so that the other one must get in
 *                                      none: there is no group to guard it with
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int open_watched(int folder, const char *file, int flags);
#define openat open_watched
#include "../../native/host/memory.c"
#undef openat

enum { USER = 33 };

static int questions[2];
static int answers[2];
static int is_bare;
static int memory = -1;

/* A process of the same user: tries to open the memory of this one for writing whenever it is asked. */
static void run_other(pid_t worker)
{
	char path[64];
	char question;
	if (setgroups(0, NULL) != 0 || setgid(USER) != 0 || setuid(USER) != 0) exit(1);
	snprintf(path, sizeof path, "/proc/%d/mem", (int)worker);
	close(questions[1]);
	while (read(questions[0], &question, 1) == 1) {
		int fd = open(path, O_RDWR);
		int error = fd < 0 ? errno : 0;
		if (fd >= 0) close(fd);
		if (write(answers[1], &error, sizeof error) != sizeof error) exit(1);
	}
	exit(0);
}

static void ask(const char *when)
{
	int error;
	if (write(questions[1], "?", 1) != 1 || read(answers[0], &error, sizeof error) != sizeof error) exit(1);
	printf("%s: %s\n", when, error == 0 ? "opened" : strerror(error));
}

static int open_watched(int folder, const char *file, int flags)
{
	if (is_bare && (setresgid(USER, USER, USER) != 0 || prctl(PR_SET_DUMPABLE, 1) != 0)) exit(1);
	ask("in the moment");
	return openat(folder, file, flags);
}

bool hathi_send_descriptor(int fd, const void *bytes, size_t length, int descriptor)
{
	(void)fd, (void)bytes, (void)length, (void)descriptor;
	return false;
}

bool hathi_control_send(int fd, const struct hathi_control *control, int descriptor)
{
	(void)fd;
	if (descriptor >= 0) memory = dup(descriptor);
	else printf("no memory: %.*s\n", (int)control->length, control->text);
	return true;
}

bool hathi_channel_word(struct hathi_channel *channel, const char *format, ...)
{
	(void)channel;
	(void)format;
	return true;
}

bool hathi_channel_say(struct hathi_channel *channel, const void *payload, size_t length, const char *format, ...)
{
	(void)channel;
	(void)payload;
	(void)length;
	(void)format;
	return true;
}

int main(int argc, char **argv)
{
	static struct hathi_host host;
	static const char secret[] = "what is in memory";
	char copy[sizeof secret];
	gid_t real, effective, saved;
	is_bare = argc > 1 && strcmp(argv[1], "bare") == 0;
	setbuf(stdout, NULL);
	if (pipe(questions) != 0 || pipe(answers) != 0) return 1;
	pid_t worker = getpid();
	if (fork() == 0) run_other(worker);
	hathi_memory_prepare(&host);
	if (setgid(USER) != 0) return 1;
	if (argc < 2 || strcmp(argv[1], "none") != 0) hathi_memory_guard(&host);
	if (setgroups(0, NULL) != 0 || setuid(USER) != 0) return 1;
	hathi_memory_offer(&host, -1);
	ask("after it");
	ssize_t got = pread(memory, copy, sizeof copy, (off_t)(uintptr_t)secret);
	printf("read: %s\n", got == (ssize_t)sizeof copy ? copy : strerror(errno));
	printf("write: %s\n", pwrite(memory, copy, 1, (off_t)(uintptr_t)copy) == 1 ? "possible" : strerror(errno));
	getresgid(&real, &effective, &saved);
	printf("groups: %u %u %u\n", real, effective, saved);
	printf("dumpable: %s\n", prctl(PR_GET_DUMPABLE) == 1 ? "yes" : "no");
	return 0;
}
