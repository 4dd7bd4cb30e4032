/* PHP as hosts and workers use it (host_php.c). */
#ifndef HATHI_PHP_HOST_PHP_H
#define HATHI_PHP_HOST_PHP_H

#include "host/php.h"

extern const struct hathi_host_php hathi_php;

#endif
