/* ini settings of the SAPI, by PHP-FPM's names (directives.c). */
#ifndef HATHI_DIRECTIVES_H
#define HATHI_DIRECTIVES_H

#include "php/php_glue.h"

struct hathi_ini {
	bool rfc2616_headers;
	bool nph;
	bool fix_pathinfo;
	bool discard_path;
	bool logging;
	char *error_header;
	char *fpm_config;
	bool script_path_encoded;
};

extern struct hathi_ini hathi_ini;

void hathi_directives_register(int module_number);

#endif
