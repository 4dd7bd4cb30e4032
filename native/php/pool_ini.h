/* ini values of a pool (pool_ini.c), its extensions (extensions.c), and ini values of a request (ini.c). */
#ifndef HATHI_POOL_INI_H
#define HATHI_POOL_INI_H

#include "host/host.h"
#include "php/request.h"

/* Outcome of setting an ini value of a pool. */
enum hathi_ini_outcome { HATHI_INI_SET, HATHI_INI_UNKNOWN, HATHI_INI_REFUSED };

typedef void hathi_ini_report(struct hathi_host *host, const char *setting, const char *name,
	enum hathi_ini_outcome outcome);

void hathi_pool_ini_report_to(hathi_ini_report *report);
void hathi_pool_ini_announce(struct hathi_host *host);
void hathi_pool_ini_before_opcache(struct hathi_host *host);
void hathi_pool_ini_apply(struct hathi_host *host);
void hathi_extensions_load(struct hathi_host *host, hathi_ini_report *report);
void hathi_ini_disable(const char *name, const char *value);
void hathi_ini_activate(struct hathi_request *request);

#endif
