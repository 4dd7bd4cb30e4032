#include "php/exception.h"

#include "php/php_glue.h"

#include <zend_exceptions.h>

/*
 * Handles an exception that left a handler: calls the application's own exception handler, or reports it with status
 * 500 as at the end of a script. Returns whether it was exit.
 */
bool hathi_exception_settle(void)
{
	if (EG(exception) == NULL) return false;
	if (zend_is_unwind_exit(EG(exception))) {
		zend_clear_exception();
		return true;
	}
	if (Z_TYPE(EG(user_exception_handler)) != IS_UNDEF) zend_user_exception_handler();
	if (EG(exception) == NULL) return false;
	zend_exception_error(EG(exception), E_ERROR);
	if (EG(exception) != NULL) zend_clear_exception();
	bool is_ok = SG(sapi_headers).http_response_code == 200;
	if (is_ok && !SG(headers_sent)) SG(sapi_headers).http_response_code = 500;
	return false;
}
