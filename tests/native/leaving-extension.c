/* An extension with a function for each way in which C code leaves a process at once. */
#include <php.h>
#include <stdlib.h>
#include <unistd.h>

static ZEND_FUNCTION(leave_by_exit)
{
	ZEND_PARSE_PARAMETERS_NONE();
	exit(3);
}

static ZEND_FUNCTION(leave_by__exit)
{
	ZEND_PARSE_PARAMETERS_NONE();
	_exit(4);
}

static ZEND_FUNCTION(leave_by_c99)
{
	ZEND_PARSE_PARAMETERS_NONE();
	_Exit(5);
}

ZEND_BEGIN_ARG_INFO_EX(arginfo_none, 0, 0, 0)
ZEND_END_ARG_INFO()

static const zend_function_entry functions[] = {
	ZEND_FE(leave_by_exit, arginfo_none)
	ZEND_FE(leave_by__exit, arginfo_none)
	ZEND_FE(leave_by_c99, arginfo_none)
	ZEND_FE_END
};

zend_module_entry leaving_module_entry = {
	STANDARD_MODULE_HEADER, "leaving", functions, NULL, NULL, NULL, NULL, NULL, "1", STANDARD_MODULE_PROPERTIES
};

ZEND_GET_MODULE(leaving)
