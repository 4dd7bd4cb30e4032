#include "php/std_streams.h"

#include <stdbool.h>
#include <string.h>

#include "php/php_glue.h"

#include <zend_constants.h>

static void define_stream(const char *name, const char *url)
{
	/* A constant's stream stays open until the script ends. */
	php_stream *stream = php_stream_open_wrapper((char *)(uintptr_t)url, "wb", 0, NULL);
	if (stream == NULL) return;
	zend_constant constant;
	php_stream_to_zval(stream, &constant.value);
	ZEND_CONSTANT_SET_FLAGS(&constant, CONST_CS, 0);
	constant.name = zend_string_init(name, strlen(name), false);
	zend_register_constant(&constant);
}

/*
 * Worker scripts of frameworks report on STDERR, as programs of the command line do. There is no STDIN: its mere
 * presence tells many applications that they run there.
 */
void hathi_std_streams_define(void)
{
	define_stream("STDOUT", "php://stdout");
	define_stream("STDERR", "php://stderr");
}
