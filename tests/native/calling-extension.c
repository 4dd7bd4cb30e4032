/* An extension with functions that leave the process at once, each in a way of its own, or start another one. */
#include <php.h>
#include <stdio.h>
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

/* The first line that the command prints. */
static ZEND_FUNCTION(line_of)
{
	char *command;
	size_t length;
	char line[4096] = "";
	ZEND_PARSE_PARAMETERS_START(1, 1)
		Z_PARAM_STRING(command, length)
	ZEND_PARSE_PARAMETERS_END();
	FILE *stream = popen(command, "r");
	if (stream != NULL && fgets(line, sizeof line, stream) == NULL) *line = '\0';
	if (stream != NULL) pclose(stream);
	RETURN_STRING(line);
}

ZEND_BEGIN_ARG_INFO_EX(arginfo_none, 0, 0, 0)
ZEND_END_ARG_INFO()
ZEND_BEGIN_ARG_INFO_EX(arginfo_command, 0, 0, 1)
	ZEND_ARG_INFO(0, command)
ZEND_END_ARG_INFO()

static const zend_function_entry functions[] = {
	ZEND_FE(leave_by_exit, arginfo_none)
	ZEND_FE(leave_by__exit, arginfo_none)
	ZEND_FE(leave_by_c99, arginfo_none)
	ZEND_FE(line_of, arginfo_command)
	ZEND_FE_END
};

zend_module_entry calling_module_entry = {
	STANDARD_MODULE_HEADER, "calling", functions, NULL, NULL, NULL, NULL, NULL, "1", STANDARD_MODULE_PROPERTIES
};

ZEND_GET_MODULE(calling)
