/* PHP's module of the engine (module.c), and what its functions return (status_array.c). */
#ifndef HATHI_MODULE_H
#define HATHI_MODULE_H

#include "php/php_glue.h"

extern zend_module_entry hathi_module;

void hathi_status_array(zval *target);

#endif
