#include "host/rights.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/apparmor.h"
#include "host/memory.h"
#include "worker/limits.h"

/*
 * The host gives up the master's rights before it makes a worker. So no process that runs scripts ever had them, and
 * a worker that breaks out finds a host with no more rights than its own. Only the limits are set in the workers,
 * because the host needs more descriptors than one of them.
 */

/* Reads the blank-separated list. Returns the number of groups; -1 when there are too many or no memory. */
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

/* Changes groups first: afterwards the process may not. */
static bool change_user(struct hathi_host *host, char *error, size_t size)
{
	long long uid;
	long long gid;
	if (!hathi_setting_number(&host->settings, HATHI_SETTING_UID, &uid) ||
		!hathi_setting_number(&host->settings, HATHI_SETTING_GID, &gid))
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
 * Applies chroot, chdir, priority, user and AppArmor hat, in the order of PHP-FPM's workers. Afterwards no right of
 * root is left. Returns false with the reason in `error`.
 */
bool hathi_rights_give_up(struct hathi_host *host, char *error, size_t size)
{
	const struct hathi_settings *settings = &host->settings;
	bool is_root = hathi_setting_flag(settings, HATHI_SETTING_ROOT);
	const char *root = hathi_setting_text(settings, HATHI_SETTING_CHROOT);
	const char *folder = hathi_setting_text(settings, HATHI_SETTING_CHDIR);
	hathi_limits_allow(settings);
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
	/* The change of user clears the attribute, so it is set afterwards. Workers inherit it. */
	if (hathi_setting_flag(settings, HATHI_SETTING_PROCESS_DUMPABLE) && prctl(PR_SET_DUMPABLE, 1) != 0)
		hathi_channel_log(&host->channel, HATHI_ERROR, "failed to prctl(PR_SET_DUMPABLE): %s",
			strerror(errno));
	const char *hat = hathi_setting_text(settings, HATHI_SETTING_APPARMOR_HAT);
	return hat == NULL || hathi_apparmor_enter(host->proc_fd, hat, error, size);
}
