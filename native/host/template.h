/* A template makes hosts by fork (template.c). */
#ifndef HATHI_TEMPLATE_H
#define HATHI_TEMPLATE_H

#include "host/php.h"

int hathi_template_main(const struct hathi_host_php *php, int argc, char **argv, char **environment);

#endif
