/*
 * The values from which all others of a booted application are reached: static properties, globals, static variables of
 * functions, and variables of the functions that run the loop (audit_roots.c).
 */
#ifndef HATHI_AUDIT_ROOTS_H
#define HATHI_AUDIT_ROOTS_H

#include "php/php_glue.h"

/* Takes a root. `length` is snprintf's: it may exceed that of the name, and be negative. */
typedef void hathi_audit_add_root(zval *value, const char *name, int length);

void hathi_audit_add_roots(hathi_audit_add_root *add);

#endif
