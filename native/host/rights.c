#include "hathi.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/apparmor.h"

/*
 * The host gives up the master's rights before it makes a worker, so that nothing that runs scripts has ever had
 * them, and a worker that breaks out finds a host with no more rights than its own. Only the limits are the
 * workers' own: the host needs more descriptors than one of them.
 */

/* rlimit_core; -1 is the directive's "unlimited". */
static rlim_t core_limit(const struct hathi_settings *settings)
{
	long long value = 0;
	if (!hathi_setting_number(settings, HATHI_SETTING_RLIMIT_CORE, &value)) return 0;
	return value < 0 ? RLIM_INFINITY : (rlim_t)value;
}

static rlim_t files_limit(const struct hathi_settings *settings)
{
	long long value = 0;
	if (!hathi_setting_number(settings, HATHI_SETTING_RLIMIT_FILES, &value) || value <= 0) return 0;
	return (rlim_t)value;
}

/* Raises the hard limit while the right is there, so that a worker can set its own; 0 leaves it alone. */
static void allow_limit(int resource, rlim_t value)
{
	struct rlimit limit;
	if (value == 0 || getrlimit(resource, &limit) != 0) return;
	if (limit.rlim_max == RLIM_INFINITY || (value != RLIM_INFINITY && value <= limit.rlim_max)) return;
	limit.rlim_max = value;
	/* What cannot be is reported by each worker, which goes on without it. */
	setrlimit(resource, &limit);
}

static void set_limit(struct hathi_host *host, int resource, rlim_t value, const char *name, const char *call)
{
	if (value == 0) return;
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
	if (setrlimit(resource, &limit) == 0) return;
	int error = errno;
	hathi_host_note(host, HATHI_ERROR,
		"[pool %s] failed to set %s for this pool. Please check your system limits or decrease %s. setrlimit(%s, %d): "
		"%s (%d)", host->pool, name, name, call, (int)value, strerror(error), error);
}

/* A new worker's own limits; what cannot be is noted for its log. */
void hathi_rights_limit_worker(struct hathi_host *host)
{
	set_limit(host, RLIMIT_NOFILE, files_limit(&host->settings), "rlimit_files", "RLIMIT_NOFILE");
	set_limit(host, RLIMIT_CORE, core_limit(&host->settings), "rlimit_core", "RLIMIT_CORE");
}

/* Reads the blank-separated list. Returns the number of groups, -1 when there are too many or no memory. */
static int read_groups(const char *text, gid_t gid, gid_t **groups)
{
	enum { MOST = 65536 };
	size_t count = 0;
	*groups = NULL;
	for (const char *at = text == NULL ? "" : text; *at != '\0';) {
		char *end;
		unsigned long group = strtoul(at, &end, 10);
		if (end == at || count == MOST) break;
		gid_t *grown = realloc(*groups, (count + 1) * sizeof *grown);
		if (grown == NULL) return -1;
		*groups = grown;
		(*groups)[count++] = (gid_t)group;
		at = end + strspn(end, " ");
	}
	if (count > 0) return (int)count;
	*groups = malloc(sizeof **groups);
	if (*groups == NULL) return -1;
	**groups = gid;
	return 1;
}

#define FAIL(...) do { \
	snprintf(error, size, __VA_ARGS__); \
	return false; \
} while (0)

/* Group and groups go first: afterwards the right to change them is gone. */
static bool change_user(struct hathi_host *host, char *error, size_t size)
{
	long long uid;
	long long gid;
	if (!hathi_setting_number(&host->settings, HATHI_SETTING_UID, &uid) || !hathi_setting_number(&host->settings, HATHI_SETTING_GID, &gid))
		return true;
	if (gid != 0 && setgid((gid_t)gid) != 0)
		FAIL("failed to setgid(%lld): %s", gid, strerror(errno));
	if (uid == 0) return true;
	hathi_memory_guard(host);
	gid_t *groups;
	int count = read_groups(hathi_setting_text(&host->settings, HATHI_SETTING_GROUPS), (gid_t)gid, &groups);
	bool done = count > 0 && setgroups((size_t)count, groups) == 0;
	free(groups);
	if (!done) FAIL("failed to setgroups(%d groups): %s", count, strerror(errno));
	if (setuid((uid_t)uid) != 0) FAIL("failed to setuid(%lld): %s", uid, strerror(errno));
	return true;
}

/*
 * Applies root folder, folder, priority, user and AppArmor hat, in the order of PHP-FPM's workers. Afterwards nothing of root is
 * left. Returns false with the reason in `error`.
 */
bool hathi_rights_give_up(struct hathi_host *host, char *error, size_t size)
{
	const struct hathi_settings *settings = &host->settings;
	bool is_root = hathi_setting_flag(settings, HATHI_SETTING_ROOT);
	const char *root = hathi_setting_text(settings, HATHI_SETTING_CHROOT);
	const char *folder = hathi_setting_text(settings, HATHI_SETTING_CHDIR);
	allow_limit(RLIMIT_NOFILE, files_limit(settings));
	allow_limit(RLIMIT_CORE, core_limit(settings));
	if (is_root && root != NULL) {
		if (chroot(root) != 0) FAIL("failed to chroot(%s): %s", root, strerror(errno));
		if (folder == NULL) folder = "/";
	}
	if (folder != NULL && chdir(folder) != 0)
		FAIL("failed to chdir(%s): %s", folder, strerror(errno));
	long long priority;
	if (is_root && hathi_setting_number(settings, HATHI_SETTING_PROCESS_PRIORITY, &priority) &&
		setpriority(PRIO_PROCESS, 0, (int)priority) != 0)
		FAIL("Unable to set priority for this new process: %s", strerror(errno));
	if (is_root && !change_user(host, error, size)) return false;
	/* The kernel clears the attribute with the change of user, so it is set after that; workers inherit it. */
	if (hathi_setting_flag(settings, HATHI_SETTING_PROCESS_DUMPABLE) && prctl(PR_SET_DUMPABLE, 1) != 0)
		hathi_channel_log(&host->channel, HATHI_ERROR, "failed to prctl(PR_SET_DUMPABLE): %s",
			strerror(errno));
	const char *hat = hathi_setting_text(settings, HATHI_SETTING_APPARMOR_HAT);
	return hat == NULL || hathi_apparmor_enter(host->proc_fd, hat, error, size);
}
