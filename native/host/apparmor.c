#include "host/apparmor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * AppArmor's interface to a process is a file in /proc: a read gives the confining profile, and "changeprofile NAME"
 * in one write(2) changes it (apparmor(7)). Kernels with several security modules have a folder for AppArmor; the
 * file outside of it is the first module's.
 */
static const char *const places[] = {"self/attr/apparmor/current", "self/attr/current"};

/* A profile's name has no bound of its own; the kernel's is a page. */
enum { PROFILE_BYTES = 4096 };

/* Opens the file for reading and writing. Returns the descriptor, or -1 with errno. */
static int open_current(int proc_fd)
{
	int fd = -1;
	for (size_t index = 0; fd < 0 && index < sizeof places / sizeof *places; index++)
		fd = openat(proc_fd, places[index], O_RDWR | O_CLOEXEC);
	return fd;
}

/* Reads the profile's name without its mode, "NAME (enforce)". Returns false with errno. */
static bool read_profile(int fd, char profile[PROFILE_BYTES])
{
	ssize_t got = read(fd, profile, PROFILE_BYTES - 1);
	if (got < 0) return false;
	profile[got] = '\0';
	profile[strcspn(profile, "\n")] = '\0';
	char *mode = strrchr(profile, '(');
	if (mode != NULL && mode > profile && mode[-1] == ' ') mode[-1] = '\0';
	errno = EINVAL;
	return *profile != '\0';
}

/* Writes the order. Returns false with errno. */
static bool change_profile(int fd, const char *profile, const char *hat)
{
	char order[2 * PROFILE_BYTES];
	int length = snprintf(order, sizeof order, "changeprofile %s//%s", profile, hat);
	errno = ENAMETOOLONG;
	return (size_t)length < sizeof order && pwrite(fd, order, (size_t)length, 0) == length;
}

/*
 * Moves this process and its children to a hat of the confining profile. Returns false with PHP-FPM's words and the
 * reason in `error`.
 */
bool hathi_apparmor_enter(int proc_fd, const char *hat, char *error, size_t size)
{
	char profile[PROFILE_BYTES];
	int fd = open_current(proc_fd);
	bool is_known = fd >= 0 && read_profile(fd, profile);
	bool is_done = is_known && change_profile(fd, profile, hat);
	int failure = errno;
	if (fd >= 0) close(fd);
	if (!is_known)
		snprintf(error, size, "failed to query apparmor confinement. Please check if \"/proc/*/attr/current\" is read and "
			"writeable.: %s (%d)", strerror(failure), failure);
	else if (!is_done)
		snprintf(error, size, "failed to change to new confinement (%.200s//%.200s). Please check if \"/proc/*/attr/current\" "
			"is read and writeable and \"change_profile -> %.200s//*\" is allowed.: %s (%d)", profile, hat, profile,
			strerror(failure), failure);
	return is_done;
}
