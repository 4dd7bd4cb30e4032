/* What the parts that talk to PHP share. PHP's headers are included only where HATHI_WITH_PHP is defined. */
#ifndef HATHI_PHP_GLUE_H
#define HATHI_PHP_GLUE_H

#include "hathi.h"

/* The request that runs; PHP's callbacks find it in SG(server_context). */
struct hathi_request {
	struct hathi_worker *worker;
	struct hathi_connection *connection;
	struct hathi_params params;
	struct hathi_script script;
	/* What the client asked for, without its query; not ended by NUL, NULL where there is nothing. */
	const char *path;
	size_t path_length;
	/* The response is complete: fastcgi_finish_request() or the end. */
	bool finished;
	/* The script was ended because its client is gone. */
	bool client_aborted;
	bool is_running;
	/* A message has gone to the web server: the next one is joined. */
	bool has_message;
	/* For REQUEST_BODY_FILE; -1 while it is not open, -2 when there is none. */
	int body_file;
	/* Output after the end of the response. */
	size_t late_bytes;
	uint64_t started_cpu;
	/* Empty where it has none. */
	char id[HATHI_REQUEST_ID_BYTES];
};

void hathi_php_start(struct hathi_host *host);
void hathi_php_ready(struct hathi_host *host);
void hathi_php_in_worker(struct hathi_worker *worker);
void hathi_php_signals_settled(void);
void hathi_folder_start(void);
void hathi_php_message(const char *text, size_t length);
void hathi_request_end_response(struct hathi_request *request);
void hathi_request_let_go(struct hathi_request *request);
void hathi_access_log_request(struct hathi_request *request, const struct hathi_slot_result *result, uint64_t user,
	uint64_t system);

#ifdef HATHI_WITH_PHP
#include <php.h>

#include <SAPI.h>
#include <ext/standard/info.h>
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

/* ini settings of the SAPI, by PHP-FPM's names. */
struct hathi_ini {
	bool rfc2616_headers;
	bool nph;
	bool fix_pathinfo;
	bool discard_path;
	bool logging;
	char *error_header;
	char *fpm_config;
	bool script_path_encoded;
};

extern struct hathi_ini hathi_ini;
extern sapi_module_struct hathi_sapi;
extern zend_module_entry hathi_module;

void hathi_sapi_take_environment(void);
int hathi_head_send(sapi_headers_struct *headers);
const char *hathi_head_find(const char *name, void *context);
void hathi_opcache_publish(struct hathi_worker *worker, uint64_t now);

/* What became of an ini value of a pool. */
enum hathi_ini_outcome { HATHI_INI_SET, HATHI_INI_UNKNOWN, HATHI_INI_REFUSED };

typedef void hathi_ini_report(struct hathi_host *host, const char *setting, const char *name,
	enum hathi_ini_outcome outcome);

void hathi_pool_ini_report_to(hathi_ini_report *report);
void hathi_pool_ini_tell(struct hathi_host *host, const char *setting, const char *name, enum hathi_ini_outcome outcome);
void hathi_pool_ini_announce(struct hathi_host *host);
void hathi_pool_ini_before_opcache(struct hathi_host *host);
void hathi_pool_ini_apply(struct hathi_host *host);
void hathi_extensions_load(struct hathi_host *host);
void hathi_config_folder(void);
void hathi_ini_disable(const char *name, const char *value);
void hathi_ini_activate(struct hathi_request *request);
#endif

#endif
