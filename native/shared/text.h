/* Text in buffers of a fixed size (text.c). */
#ifndef HATHI_TEXT_H
#define HATHI_TEXT_H

#include <stdarg.h>
#include <stddef.h>

#define HATHI_PRINTF(text, first) __attribute__((format(printf, text, first)))

size_t hathi_format(char *target, size_t size, const char *format, va_list arguments) HATHI_PRINTF(3, 0);

#endif
