#include "php/boot_output.h"

#include <string.h>
#include <unistd.h>

/*
 * Output of a boot has no client: it goes to the worker's log, and its beginning into the message of a failed boot.
 */

enum { PRINTED_MOST = 512 };

static char printed[PRINTED_MOST + 1];
static size_t printed_length;

/* Forgets the output of the last boot. */
void hathi_boot_forget(void)
{
	printed_length = 0;
	printed[0] = '\0';
}

/* Takes output of the boot. Returns its length. */
size_t hathi_boot_print(const char *text, size_t length)
{
	size_t room = PRINTED_MOST - printed_length;
	size_t taken = length < room ? length : room;
	memcpy(printed + printed_length, text, taken);
	printed_length += taken;
	printed[printed_length] = '\0';
	if (write(STDERR_FILENO, text, length) < 0) return length;
	return length;
}

/* The beginning of the boot's output. */
const char *hathi_boot_printed(void)
{
	return printed;
}
