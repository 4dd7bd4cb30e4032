#include "shared/level.h"

/* The level's name in the configuration and on the channel. */
const char *hathi_level_name(enum hathi_level level)
{
	static const char *const names[] = {"debug", "notice", "warning", "error", "alert"};
	return names[level];
}
