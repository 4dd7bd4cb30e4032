/* An exception that has left a handler (exception.c). */
#ifndef HATHI_EXCEPTION_H
#define HATHI_EXCEPTION_H

#include <stdbool.h>

bool hathi_exception_settle(void);

#endif
