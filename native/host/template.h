/* A template makes hosts by fork (template.c). */
#ifndef HATHI_TEMPLATE_H
#define HATHI_TEMPLATE_H

#include "host/php.h"

void hathi_template_await_pool(struct hathi_host *host);
int hathi_template_main(const struct hathi_host_php *php, int argc, char **argv, char **environment);

#endif
