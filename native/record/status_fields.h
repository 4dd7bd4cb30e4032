/* Made from src/status/fields.ts; see src/engine/native/status-fields-header.ts. Do not edit. */
#ifndef HATHI_STATUS_FIELDS_H
#define HATHI_STATUS_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

enum hathi_status_kind {
	HATHI_KIND_STRING,
	HATHI_KIND_NUMBER,
	HATHI_KIND_PERCENT,
	HATHI_KIND_TIME,
};

enum hathi_pool_field {
	HATHI_POOL_POOL,
	HATHI_POOL_PROCESS_MANAGER,
	HATHI_POOL_START_TIME,
	HATHI_POOL_START_SINCE,
	HATHI_POOL_ACCEPTED_CONN,
	HATHI_POOL_LISTEN_QUEUE,
	HATHI_POOL_MAX_LISTEN_QUEUE,
	HATHI_POOL_LISTEN_QUEUE_LEN,
	HATHI_POOL_IDLE_PROCESSES,
	HATHI_POOL_ACTIVE_PROCESSES,
	HATHI_POOL_TOTAL_PROCESSES,
	HATHI_POOL_MAX_ACTIVE_PROCESSES,
	HATHI_POOL_MAX_CHILDREN_REACHED,
	HATHI_POOL_SLOW_REQUESTS,
	HATHI_POOL_MEMORY_PEAK,
	HATHI_POOL_FIELDS,
};

/* Those behind HATHI_PROCESS_FIELDS are shown in worker mode only. */
enum hathi_process_field {
	HATHI_PROCESS_PID,
	HATHI_PROCESS_STATE,
	HATHI_PROCESS_START_TIME,
	HATHI_PROCESS_START_SINCE,
	HATHI_PROCESS_REQUESTS,
	HATHI_PROCESS_REQUEST_DURATION,
	HATHI_PROCESS_REQUEST_METHOD,
	HATHI_PROCESS_REQUEST_URI,
	HATHI_PROCESS_CONTENT_LENGTH,
	HATHI_PROCESS_USER,
	HATHI_PROCESS_SCRIPT,
	HATHI_PROCESS_LAST_REQUEST_CPU,
	HATHI_PROCESS_LAST_REQUEST_MEMORY,
	HATHI_PROCESS_BOOTS,
	HATHI_PROCESS_BOOT_TIME,
	HATHI_PROCESS_REQUESTS_SINCE_BOOT,
	HATHI_PROCESS_MEMORY_GROWTH,
	HATHI_PROCESS_ALL_FIELDS,
};

enum { HATHI_PROCESS_FIELDS = 13 };

/* In the order in which a query string selects them; the last one is that of a query without any. */
enum hathi_status_format {
	HATHI_STATUS_HTML,
	HATHI_STATUS_XML,
	HATHI_STATUS_JSON,
	HATHI_STATUS_OPENMETRICS,
	HATHI_STATUS_TEXT,
	HATHI_STATUS_FORMATS,
};

struct hathi_pool_field_facts {
	const char *label;
	/* Of xml and of fpm_get_status(). */
	const char *element;
	enum hathi_status_kind kind;
	/* NULL without one. */
	const char *metric;
	const char *metric_type;
	const char *metric_help;
	bool type_first;
};

struct hathi_process_field_facts {
	const char *label;
	/* Of html and json. */
	const char *lower_label;
	const char *element;
	/* Of fpm_get_status(). */
	const char *key;
	enum hathi_status_kind kind;
};

#define HATHI_POOL_FIELD_FACTS { \
	{"pool", "pool", HATHI_KIND_STRING, NULL, NULL, NULL, false}, \
	{"process manager", "process-manager", HATHI_KIND_STRING, NULL, NULL, NULL, false}, \
	{"start time", "start-time", HATHI_KIND_TIME, NULL, NULL, NULL, false}, \
	{"start since", "start-since", HATHI_KIND_NUMBER, "phpfpm_start_since", "counter", "The number of seconds since FPM has started.", false}, \
	{"accepted conn", "accepted-conn", HATHI_KIND_NUMBER, "phpfpm_accepted_connections", "counter", "The number of requests accepted by the pool.", false}, \
	{"listen queue", "listen-queue", HATHI_KIND_NUMBER, "phpfpm_listen_queue", "gauge", "The number of requests in the queue of pending connections.", false}, \
	{"max listen queue", "max-listen-queue", HATHI_KIND_NUMBER, "phpfpm_max_listen_queue", "counter", "The maximum number of requests in the queue of pending connections since FPM has started.", false}, \
	{"listen queue len", "listen-queue-len", HATHI_KIND_NUMBER, "phpfpm_listen_queue_length", "gauge", "The size of the socket queue of pending connections.", true}, \
	{"idle processes", "idle-processes", HATHI_KIND_NUMBER, "phpfpm_idle_processes", "gauge", "The number of idle processes.", false}, \
	{"active processes", "active-processes", HATHI_KIND_NUMBER, "phpfpm_active_processes", "gauge", "The number of active processes.", false}, \
	{"total processes", "total-processes", HATHI_KIND_NUMBER, "phpfpm_total_processes", "gauge", "The number of idle + active processes.", false}, \
	{"max active processes", "max-active-processes", HATHI_KIND_NUMBER, "phpfpm_max_active_processes", "counter", "The maximum number of active processes since FPM has started.", false}, \
	{"max children reached", "max-children-reached", HATHI_KIND_NUMBER, "phpfpm_max_children_reached", "counter", "The number of times, the process limit has been reached, when pm tries to start more children (works only for pm 'dynamic' and 'ondemand').", false}, \
	{"slow requests", "slow-requests", HATHI_KIND_NUMBER, "phpfpm_slow_requests", "counter", "The number of requests that exceeded your 'request_slowlog_timeout' value.", false}, \
	{"memory peak", "memory-peak", HATHI_KIND_NUMBER, "phpfpm_memory_peak", "gauge", "The memory usage peak since FPM has started.", false}, \
}

#define HATHI_PROCESS_FIELD_FACTS { \
	{"pid", "pid", "pid", "pid", HATHI_KIND_NUMBER}, \
	{"state", "state", "state", "state", HATHI_KIND_STRING}, \
	{"start time", "start time", "start-time", "start-time", HATHI_KIND_TIME}, \
	{"start since", "start since", "start-since", "start-since", HATHI_KIND_NUMBER}, \
	{"requests", "requests", "requests", "requests", HATHI_KIND_NUMBER}, \
	{"request duration", "request duration", "request-duration", "request-duration", HATHI_KIND_NUMBER}, \
	{"request method", "request method", "request-method", "request-method", HATHI_KIND_STRING}, \
	{"request URI", "request uri", "request-uri", "request-uri", HATHI_KIND_STRING}, \
	{"content length", "content length", "content-length", "request-length", HATHI_KIND_NUMBER}, \
	{"user", "user", "user", "user", HATHI_KIND_STRING}, \
	{"script", "script", "script", "script", HATHI_KIND_STRING}, \
	{"last request cpu", "last request cpu", "last-request-cpu", "last-request-cpu", HATHI_KIND_PERCENT}, \
	{"last request memory", "last request memory", "last-request-memory", "last-request-memory", HATHI_KIND_NUMBER}, \
	{"boots", "boots", "boots", "boots", HATHI_KIND_NUMBER}, \
	{"boot time", "boot time", "boot-time", "boot-time", HATHI_KIND_NUMBER}, \
	{"requests since boot", "requests since boot", "requests-since-boot", "requests-since-boot", HATHI_KIND_NUMBER}, \
	{"memory growth", "memory growth", "memory-growth", "memory-growth", HATHI_KIND_NUMBER}, \
}

/* By stage. */
#define HATHI_STAGE_LABELS { \
	[0] = "Creating", \
	[1] = "Idle", \
	[2] = "Reading headers", \
	[3] = "Getting request information", \
	[4] = "Running", \
	[5] = "Ending", \
	[6] = "Finishing", \
	[7] = "Booting", \
}

/* By format. */
#define HATHI_STATUS_FORMAT_NAMES { \
	"html", \
	"xml", \
	"json", \
	"openmetrics", \
	"text", \
}

#define HATHI_STATUS_HEADERS { \
	"Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\nCache-Control: no-cache, no-store, must-revalidate, max-age=0\r\nContent-type: text/html;charset=UTF-8\r\n", \
	"Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\nCache-Control: no-cache, no-store, must-revalidate, max-age=0\r\nContent-type: text/xml;charset=UTF-8\r\n", \
	"Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\nCache-Control: no-cache, no-store, must-revalidate, max-age=0\r\nContent-Type: application/json\r\n", \
	"Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\nCache-Control: no-cache, no-store, must-revalidate, max-age=0\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n", \
	"Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\nCache-Control: no-cache, no-store, must-revalidate, max-age=0\r\nContent-type: text/plain;charset=UTF-8\r\n", \
}

#endif
