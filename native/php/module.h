/* The engine's PHP module (module.c), and the array of fpm_get_status() (status_array.c). */
#ifndef HATHI_MODULE_H
#define HATHI_MODULE_H

#include "php/php_glue.h"

extern zend_module_entry hathi_module;

void hathi_status_array(zval *target);

#endif
