/* PHP's headers. Builds of PHP that the engine does not support are refused. */
#ifndef HATHI_PHP_GLUE_H
#define HATHI_PHP_GLUE_H

#include <php.h>

#include <SAPI.h>
#include <php_ini.h>
#include <php_main.h>
#include <php_output.h>
#include <php_variables.h>

#ifdef ZTS
#error "The native engine needs a PHP without thread safety (NTS): take the php-config of one"
#endif
#if ZEND_DEBUG
#error "The native engine is not made for a debug build of PHP: take the php-config of a release build"
#endif
#if PHP_VERSION_ID < 80100
#error "The native engine needs PHP 8.1 or newer"
#endif

#endif
