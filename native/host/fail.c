#include <unistd.h>

#include "host/setup.h"
#include "shared/process.h"

/* Tells the master why the pool cannot run, and ends the process. */
void hathi_host_fail(struct hathi_host *host, const char *format, ...)
{
	char text[4096];
	va_list arguments;
	va_start(arguments, format);
	size_t length = hathi_format(text, sizeof text, format, arguments);
	va_end(arguments);
	hathi_channel_say(&host->channel, text, length, "failed");
	/* PHP's own shutdown is skipped: PHP may not have started, and a failed module may fail again. */
	_exit(HATHI_EXIT_FAILED);
}
