#include "shared/text.h"

#include <stdio.h>

/*
 * vsnprintf(3) that returns how many bytes `target` holds without the NUL. A longer text is cut, and one that cannot
 * be converted becomes empty. `size` must not be 0.
 */
size_t hathi_format(char *target, size_t size, const char *format, va_list arguments)
{
	int length = vsnprintf(target, size, format, arguments);
	if (length < 0) {
		*target = '\0';
		return 0;
	}
	return (size_t)length < size ? (size_t)length : size - 1;
}
