#include "worker/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

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

/* Raises the hard limit while the process may, so that a worker can set its own limit; 0 leaves it alone. */
static void allow_limit(int resource, rlim_t value)
{
	struct rlimit limit;
	if (value == 0 || getrlimit(resource, &limit) != 0) return;
	if (limit.rlim_max == RLIM_INFINITY || (value != RLIM_INFINITY && value <= limit.rlim_max)) return;
	limit.rlim_max = value;
	/* Each worker reports a limit that it cannot set, and goes on without it. */
	setrlimit(resource, &limit);
}

static void set_limit(struct hathi_notes *notes, const char *pool, int resource, rlim_t value, const char *name,
	const char *call)
{
	if (value == 0) return;
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
	if (setrlimit(resource, &limit) == 0) return;
	int error = errno;
	hathi_note(notes, HATHI_ERROR,
		"[pool %s] failed to set %s for this pool. Please check your system limits or decrease %s. setrlimit(%s, %d): "
		"%s (%d)", pool, name, name, call, (int)value, strerror(error), error);
}

/* For a host that still has the master's rights. */
void hathi_limits_allow(const struct hathi_settings *settings)
{
	allow_limit(RLIMIT_NOFILE, files_limit(settings));
	allow_limit(RLIMIT_CORE, core_limit(settings));
}

/* Sets a new worker's own limits. Failures are noted for its log. */
void hathi_limits_set(const struct hathi_settings *settings, const char *pool, struct hathi_notes *notes)
{
	set_limit(notes, pool, RLIMIT_NOFILE, files_limit(settings), "rlimit_files", "RLIMIT_NOFILE");
	set_limit(notes, pool, RLIMIT_CORE, core_limit(settings), "rlimit_core", "RLIMIT_CORE");
}
