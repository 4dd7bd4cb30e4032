/* Made from src/engine/host-setting-names.ts; see src/engine/native/setting-names-header.ts. Do not edit. */
#ifndef HATHI_SETTING_NAMES_H
#define HATHI_SETTING_NAMES_H

#define HATHI_SETTING_POOL "pool"
#define HATHI_SETTING_MAX_CHILDREN "max_children"
#define HATHI_SETTING_LISTEN_FD "listen.fd"
#define HATHI_SETTING_LISTEN_KIND "listen.kind"
#define HATHI_SETTING_LISTEN_ALLOWED_CLIENTS "listen.allowed_clients"
#define HATHI_SETTING_PM "pm"
#define HATHI_SETTING_PM_MAX_REQUESTS "pm.max_requests"
#define HATHI_SETTING_QUEUE_MAX_WAIT "queue.max_wait"
#define HATHI_SETTING_QUEUE_MAX_LENGTH "queue.max_length"
#define HATHI_SETTING_QUEUE_PRIORITY "queue.priority"
#define HATHI_SETTING_LANE_SLOTS "lane_slots"
#define HATHI_SETTING_PM_STATUS_PATH "pm.status_path"
#define HATHI_SETTING_PING_PATH "ping.path"
#define HATHI_SETTING_PING_RESPONSE "ping.response"
#define HATHI_SETTING_ACCESS_LOG_FD "access.log.fd"
#define HATHI_SETTING_ACCESS_FORMAT "access.format"
#define HATHI_SETTING_ACCESS_LOG_FORMAT "access.log_format"
#define HATHI_SETTING_ACCESS_LOG_QUERY "access.log_query"
#define HATHI_SETTING_ACCESS_SUPPRESS_PATH "access.suppress_path"
#define HATHI_SETTING_REQUEST_ID "request_id"
#define HATHI_SETTING_SECURITY_LIMIT_EXTENSIONS "security.limit_extensions"
#define HATHI_SETTING_CATCH_WORKERS_OUTPUT "catch_workers_output"
#define HATHI_SETTING_LOG_LEVEL "log_level"
#define HATHI_SETTING_LOG_LIMIT "log_limit"
#define HATHI_SETTING_ROOT "root"
#define HATHI_SETTING_UID "uid"
#define HATHI_SETTING_GID "gid"
#define HATHI_SETTING_GROUPS "groups"
#define HATHI_SETTING_RLIMIT_FILES "rlimit_files"
#define HATHI_SETTING_RLIMIT_CORE "rlimit_core"
#define HATHI_SETTING_CHROOT "chroot"
#define HATHI_SETTING_CHDIR "chdir"
#define HATHI_SETTING_PROCESS_PRIORITY "process.priority"
#define HATHI_SETTING_PROCESS_SCHEDULER "process.scheduler"
#define HATHI_SETTING_PROCESS_DUMPABLE "process.dumpable"
#define HATHI_SETTING_APPARMOR_HAT "apparmor_hat"
#define HATHI_SETTING_ENV "env"
#define HATHI_SETTING_ENV_INHERITED "env.inherited"
#define HATHI_SETTING_ENV_USER "env.user"
#define HATHI_SETTING_ENV_HOME "env.home"
#define HATHI_SETTING_PHP_VALUE "php_value"
#define HATHI_SETTING_PHP_ADMIN_VALUE "php_admin_value"
#define HATHI_SETTING_PHP_INI "php.ini"
#define HATHI_SETTING_PHP_DEFINE "php.define"
#define HATHI_SETTING_WORKER_SCRIPT "worker.script"
#define HATHI_SETTING_WORKER_MATCH "worker.match"
#define HATHI_SETTING_WORKER_MAX_REQUESTS "worker.max_requests"
#define HATHI_SETTING_WORKER_ON_EXIT "worker.on_exit"
#define HATHI_SETTING_WORKER_RESET "worker.reset"
#define HATHI_SETTING_AUDIT_SOCKET "audit.socket"

/* Without one of these the master is of another version. */
#define HATHI_SETTINGS_REQUIRED { \
	HATHI_SETTING_POOL, \
	HATHI_SETTING_MAX_CHILDREN, \
	HATHI_SETTING_LISTEN_FD, \
	HATHI_SETTING_LISTEN_KIND, \
	HATHI_SETTING_PM, \
	HATHI_SETTING_PM_MAX_REQUESTS, \
	HATHI_SETTING_QUEUE_MAX_WAIT, \
	HATHI_SETTING_QUEUE_MAX_LENGTH, \
	HATHI_SETTING_LANE_SLOTS, \
	HATHI_SETTING_ACCESS_LOG_FORMAT, \
	HATHI_SETTING_ACCESS_LOG_QUERY, \
	HATHI_SETTING_REQUEST_ID, \
	HATHI_SETTING_SECURITY_LIMIT_EXTENSIONS, \
	HATHI_SETTING_CATCH_WORKERS_OUTPUT, \
	HATHI_SETTING_LOG_LEVEL, \
	HATHI_SETTING_LOG_LIMIT, \
	HATHI_SETTING_RLIMIT_FILES, \
	HATHI_SETTING_RLIMIT_CORE, \
	HATHI_SETTING_PROCESS_SCHEDULER, \
	HATHI_SETTING_PROCESS_DUMPABLE, \
}

#endif
