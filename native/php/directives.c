#include "php/directives.h"

struct hathi_ini hathi_ini;

PHP_INI_BEGIN()
	STD_PHP_INI_BOOLEAN("cgi.rfc2616_headers", "0", PHP_INI_ALL, OnUpdateBool, rfc2616_headers, struct hathi_ini,
		hathi_ini)
	STD_PHP_INI_BOOLEAN("cgi.nph", "0", PHP_INI_ALL, OnUpdateBool, nph, struct hathi_ini, hathi_ini)
#if PHP_VERSION_ID < 80500
	PHP_INI_ENTRY_EX("cgi.force_redirect", "1", PHP_INI_SYSTEM, NULL, zend_ini_boolean_displayer_cb)
	PHP_INI_ENTRY("cgi.redirect_status_env", NULL, PHP_INI_SYSTEM, NULL)
#endif
	STD_PHP_INI_BOOLEAN("cgi.fix_pathinfo", "1", PHP_INI_SYSTEM, OnUpdateBool, fix_pathinfo, struct hathi_ini,
		hathi_ini)
	STD_PHP_INI_BOOLEAN("cgi.discard_path", "0", PHP_INI_SYSTEM, OnUpdateBool, discard_path, struct hathi_ini,
		hathi_ini)
	STD_PHP_INI_BOOLEAN("fastcgi.logging", "1", PHP_INI_SYSTEM, OnUpdateBool, logging, struct hathi_ini, hathi_ini)
	STD_PHP_INI_ENTRY("fastcgi.error_header", NULL, PHP_INI_SYSTEM, OnUpdateString, error_header, struct hathi_ini,
		hathi_ini)
	STD_PHP_INI_ENTRY("fpm.config", NULL, PHP_INI_SYSTEM, OnUpdateString, fpm_config, struct hathi_ini, hathi_ini)
#if PHP_VERSION_ID >= 80500
	STD_PHP_INI_BOOLEAN("fastcgi.script_path_encoded", "1", PHP_INI_SYSTEM, OnUpdateBool, script_path_encoded,
		struct hathi_ini, hathi_ini)
#endif
PHP_INI_END()

/* Registers the settings for the module with that number. */
void hathi_directives_register(int module_number)
{
	zend_register_ini_entries(ini_entries, module_number);
}
