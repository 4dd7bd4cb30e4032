#include "php/superglobals.h"

#include "php/php_glue.h"

/*
 * Fills the superglobals again. PHP fills some only when it compiles a script that uses them, so these are filled if
 * it ever has. $_SERVER is always filled, since its user may have been compiled long ago. $_ENV stays as it was at
 * the boot.
 */
void hathi_superglobals_fill(void)
{
	for (int index = 0; index < NUM_TRACK_VARS; index++) {
		if (index == TRACK_VARS_ENV) continue;
		zval old;
		ZVAL_COPY_VALUE(&old, &PG(http_globals)[index]);
		ZVAL_UNDEF(&PG(http_globals)[index]);
		zval_ptr_dtor_nogc(&old);
	}
	zend_auto_global *global;
	ZEND_HASH_FOREACH_PTR(CG(auto_globals), global) {
		if (global->auto_global_callback == NULL || zend_string_equals_literal(global->name, "_ENV")) continue;
		bool waits = global->jit && !zend_string_equals_literal(global->name, "_SERVER") &&
			!zend_hash_exists(&EG(symbol_table), global->name);
		global->armed = waits || global->auto_global_callback(global->name);
	} ZEND_HASH_FOREACH_END();
}
