#include "php/module.h"

#include <string.h>

#include <ext/standard/head.h>
#include <ext/standard/info.h>

#include "php/directives.h"
#include "php/loop.h"
#include "php/php_start.h"
#include "php/request.h"
#include "php/sapi.h"

/* The SAPI's PHP module, under PHP-FPM's name for it, and its functions. */

static PHP_MINIT_FUNCTION(hathi)
{
	hathi_sapi_take_environment();
	hathi_directives_register(module_number);
	hathi_startup_hook_register();
	return SUCCESS;
}

static PHP_MSHUTDOWN_FUNCTION(hathi)
{
	UNREGISTER_INI_ENTRIES();
	return SUCCESS;
}

static PHP_MINFO_FUNCTION(hathi)
{
	php_info_print_table_start();
	php_info_print_table_row(2, "php-fpm", "active");
	php_info_print_table_end();
	DISPLAY_INI_ENTRIES();
}

/* {{{ fastcgi_finish_request(): ends the response; the script goes on without a client. */
static PHP_FUNCTION(fastcgi_finish_request)
{
	ZEND_PARSE_PARAMETERS_NONE();
	struct hathi_request *request = SG(server_context);
	if (request == NULL || request->is_boot || request->finished) RETURN_FALSE;
	php_output_end_all();
	php_header();
	hathi_response_end(request);
	hathi_response_let_go(request);
	RETURN_TRUE;
}
/* }}} */

/* Turns `X_FOO` into `X-Foo`: the first letter and those behind an underscore stay, the others become lower case. */
static void header_name(const char *variable, char *name)
{
	bool stays = true;
	for (; *variable != '\0'; variable++) {
		char letter = *variable;
		bool parts = !stays && letter == '_';
		if (parts) letter = '-';
		else if (!stays && letter >= 'A' && letter <= 'Z') letter = (char)(letter - 'A' + 'a');
		*name++ = letter;
		stays = parts;
	}
	*name = '\0';
}

/* {{{ apache_request_headers(): the request's headers, as the variables give them. */
static PHP_FUNCTION(apache_request_headers)
{
	ZEND_PARSE_PARAMETERS_NONE();
	array_init(return_value);
	struct hathi_request *request = SG(server_context);
	for (uint32_t index = request == NULL ? 0 : request->params.count; index-- > 0;) {
		const struct hathi_param *param = request->params.list + index;
		if (param->value == NULL) continue;
		if (strncmp(param->name, "HTTP_", 5) == 0 && param->name_length > 5) {
			char *name = emalloc(param->name_length);
			header_name(param->name + 5, name);
			add_assoc_stringl(return_value, name, (char *)(uintptr_t)param->value, param->value_length);
			efree(name);
		} else if (strcmp(param->name, "CONTENT_TYPE") == 0) {
			add_assoc_stringl(return_value, "Content-Type", (char *)(uintptr_t)param->value, param->value_length);
		} else if (strcmp(param->name, "CONTENT_LENGTH") == 0) {
			add_assoc_stringl(return_value, "Content-Length", (char *)(uintptr_t)param->value, param->value_length);
		}
	}
}
/* }}} */

/* {{{ fpm_get_status(): the status page of the worker's own pool as an array. */
static PHP_FUNCTION(fpm_get_status)
{
	ZEND_PARSE_PARAMETERS_NONE();
	hathi_status_array(return_value);
}
/* }}} */

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_boolean, 0, 0, _IS_BOOL, 0)
ZEND_END_ARG_INFO()
ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_array, 0, 0, IS_ARRAY, 0)
ZEND_END_ARG_INFO()
ZEND_BEGIN_ARG_WITH_RETURN_TYPE_MASK_EX(arginfo_array_or_false, 0, 0, MAY_BE_ARRAY | MAY_BE_FALSE)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_handle_request, 0, 1, _IS_BOOL, 0)
	ZEND_ARG_TYPE_INFO(0, callback, IS_CALLABLE, 0)
ZEND_END_ARG_INFO()

/* Frameworks know the functions of worker mode by FrankenPHP's names. */
static const zend_function_entry functions[] = {
	PHP_FE(fastcgi_finish_request, arginfo_boolean)
	PHP_FALIAS(hathi_finish_request, fastcgi_finish_request, arginfo_boolean)
	PHP_FALIAS(frankenphp_finish_request, fastcgi_finish_request, arginfo_boolean)
	PHP_FE(hathi_handle_request, arginfo_handle_request)
	PHP_FALIAS(frankenphp_handle_request, hathi_handle_request, arginfo_handle_request)
	PHP_FE(apache_request_headers, arginfo_array)
	PHP_FALIAS(getallheaders, apache_request_headers, arginfo_array)
	PHP_FE(fpm_get_status, arginfo_array_or_false)
	PHP_FE_END
};

zend_module_entry hathi_module = {
	STANDARD_MODULE_HEADER,
	.name = "cgi-fcgi",
	.functions = functions,
	.module_startup_func = PHP_MINIT(hathi),
	.module_shutdown_func = PHP_MSHUTDOWN(hathi),
	.info_func = PHP_MINFO(hathi),
	.version = PHP_VERSION,
	STANDARD_MODULE_PROPERTIES
};
