/*
 * The native engine: a host of docs/contract.md that starts PHP once and forks workers from it.
 *
 *   entry.c     takes the place of main() in the PHP binary that it is preloaded into
 *   host.c      the host's loop: the master's commands, the ends of workers, their output
 *   spawn.c     making workers
 *   template.c  making hosts by fork                    startup_hook.c   the moment of PHP's start when it does
 *   channel.c   messages from and to the master        control.c   messages between host and worker
 *   settings.c  the pool's settings                    rights.c, apparmor.c   limits, folders, users, hats
 *   php_start.c PHP's start         info.c, check.c   for -i and -t
 *   worker.c, worker_settings.c   a worker's loop       worker_control.c   what the host tells it
 *   connection.c   reading and closing a connection     held.c   the connections that a worker holds
 *   request.c   one request from script to end         sapi.c      PHP's callbacks
 *   script.c    which script a request means           params.c    its variables
 *   config_folder.c   which folder of php.ini PHP shows
 *   pool_ini.c, extensions.c   ini values and extensions of the pool   ini.c   ini values of requests
 *   module.c    PHP's module: ini settings, functions
 *   access_format.c, access_json.c, text_line.c   the access log's lines
 *   request_id.c   ids of requests                     faults.c, exits.c   how a worker ends
 *   calls.c     functions in the place of the C library's   scheduler.c   how workers are scheduled
 *   cpu_timer.c PHP's time limit without system calls
 *   relay.c     what workers say to the master         scoreboard.c, layout.h   their state for the master
 *   routes.c, route_name.c, route.h   requests by route   opcache.c   OPcache's figures, both for the master
 *   fcgi.c, pairs.c, output.c   FastCGI in and out     head.c      the response head
 *   memory.c    a worker's memory for the master       symbols.c, symbols.h   where PHP's stack is in it
 *
 * Nothing here includes PHP's headers but the files that include php_glue.h.
 */
#ifndef HATHI_H
#define HATHI_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "record/access.h"
#include "host/channel.h"
#include "host/control.h"
#include "wire/fcgi.h"
#include "wire/params.h"
#include "host/settings.h"
#include "worker/slot.h"

enum {
	HATHI_CONTRACT_VERSION = 2,
	HATHI_EXIT_FAILED = 70,
};

enum hathi_fd {
	HATHI_FD_CONTROL = 3,
	HATHI_FD_SCOREBOARD = 4,
	HATHI_FD_DESCRIPTORS = 5,
	HATHI_FD_LISTEN = 6,
	HATHI_FD_ACCESS_LOG = 7,
};

/* --- shared by host and workers --------------------------------------------------------------------------- */

/* Memory that the host and its workers share beside the scoreboard. */
struct hathi_shared_slot {
	/* The worker waits for any connection and holds none. */
	atomic_uint is_free;
	/* The worker is where it may accept one. */
	atomic_uint may_accept;
	/* The host reads what the worker wrote, and may not have seen yet which request it runs. */
	atomic_uint is_being_read;
	/* The worker runs a request although it may not have been. */
	atomic_uint is_unsure;
	/* The worker is to end after its request. */
	atomic_uint is_to_end;
};

struct hathi_shared {
	/*
	 * The host drains: no worker is to accept any more. A worker raises `may_accept` before it looks here, the host
	 * looks at `may_accept` after it has raised this, both sequentially consistent: one of them sees the other.
	 */
	atomic_uint draining;
	/* Raised when the access log was opened anew. */
	atomic_uint log_generation;
	/* When OPcache's figures were last taken, CLOCK_MONOTONIC microseconds. */
	_Atomic uint64_t opcache_at;
	/* The slot, and 1, of the worker that changes the table of routes; 0 for none. */
	atomic_uint routes_holder;
	struct hathi_shared_slot slots[];
};

/* --- host.c, spawn.c -------------------------------------------------------------------------------------- */

struct hathi_access_format;

struct hathi_child {
	pid_t pid;
	/* -1 where there is none. */
	int control;
	int output[2];
	bool is_up;
	/* The host made it by itself, and the master has not asked for it. */
	bool is_granted;
	/* It sent its memory, or why it cannot. */
	bool has_offered;
	/* It asked for the status page, and has no answer yet. */
	bool has_asked;
	/* It wrote something since its last request ended. */
	bool has_output;
	/* Requests that it has begun and whose output has been read to its end; the low bits. */
	uint32_t flushed;
};

/* A message that the host keeps for its workers. */
struct hathi_note {
	enum hathi_level level;
	char *text;
};

struct hathi_host {
	struct hathi_settings settings;
	struct hathi_channel channel;
	const char *pool;
	uint8_t *scoreboard;
	struct hathi_shared *shared;
	struct hathi_child *children;
	struct hathi_note *notes;
	uint32_t note_count;
	uint32_t slot_count;
	uint32_t child_count;
	int epoll;
	int signals;
	int listen_fd;
	int log_fd;
	bool accepting;
	bool watching;
	/* With `watching`: the slot in which a worker may be made for a connection at once, -1 for none. */
	int32_t granted;
	bool draining;
	/* The master was told that no worker accepts any more. */
	bool has_told_stopped;
	bool catches_output;
	/* A log shows ids of requests. */
	bool names_requests;
	/* /proc; and the saved group id that guards a worker while it opens its memory, -1 for none. */
	int proc_fd;
	int guard_group;
	struct hathi_access_format *access_format;
};

int hathi_php_probe(void);
int hathi_php_info(int count, char **words);
int hathi_php_check(void);
int hathi_host_main(int argc, char **argv, char **environment);
void hathi_host_read_settings(struct hathi_host *host);
void hathi_host_begin(struct hathi_host *host);
int hathi_host_run(struct hathi_host *host);
void hathi_host_fail(struct hathi_host *host, const char *format, ...) HATHI_PRINTF(2, 3) __attribute__((noreturn));
int hathi_spawn(struct hathi_host *host, uint32_t slot);
void hathi_child_close(struct hathi_child *child);

/* --- template.c, startup_hook.c --------------------------------------------------------------------------- */

int hathi_template_main(int argc, char **argv, char **environment);
void hathi_startup_hook(struct hathi_host *host, void (*action)(struct hathi_host *host));
void hathi_startup_hook_register(void);

/* --- rights.c --------------------------------------------------------------------------------------------- */

bool hathi_rights_give_up(struct hathi_host *host, char *error, size_t size);
void hathi_rights_limit_worker(struct hathi_host *host);

/* --- memory.c, symbols.c ---------------------------------------------------------------------------------- */

void hathi_memory_prepare(struct hathi_host *host);
void hathi_memory_guard(struct hathi_host *host);
void hathi_memory_offer(struct hathi_host *host, int control);
void hathi_memory_relay(struct hathi_host *host, uint32_t slot, const struct hathi_control *offer, int descriptor);
void hathi_symbols_publish(uint8_t *scoreboard);

/* --- title.c ---------------------------------------------------------------------------------------------- */

void hathi_title_init(int argc, char **argv, char **environment);
void hathi_title_set(const char *title);
bool hathi_title_keep_environment(void);

/* --- output.c --------------------------------------------------------------------------------------------- */

enum { HATHI_OUTPUT_BYTES = 32 * 1024 };

/* Records on their way to one connection. */
struct hathi_output {
	int fd;
	uint16_t id;
	/* Where the open record starts, and its type; 0 when none is open. */
	size_t record_at;
	uint8_t record_type;
	size_t length;
	/* The client is gone: what comes is dropped. */
	bool failed;
	/* Set once bytes of the response have left; read by a signal handler. */
	volatile bool begun;
	uint8_t bytes[HATHI_OUTPUT_BYTES + 64];
};

void hathi_output_start(struct hathi_output *output, int fd, uint16_t id);
bool hathi_output_write(struct hathi_output *output, enum hathi_record type, const char *bytes, size_t length);
bool hathi_output_flush(struct hathi_output *output);
bool hathi_output_end(struct hathi_output *output);
bool hathi_send_all(int fd, const void *bytes, size_t length);

/* --- clients.c -------------------------------------------------------------------------------------------- */

struct hathi_client_range {
	uint8_t address[16];
	uint32_t bits;
};

struct hathi_clients {
	struct hathi_client_range *ranges;
	uint32_t count;
	bool admits_all;
};

struct sockaddr_storage;
bool hathi_clients_read(struct hathi_clients *clients, const char *list, char *wrong, size_t size);
bool hathi_clients_admit(const struct hathi_clients *clients, const struct sockaddr_storage *peer);
void hathi_clients_name(const struct sockaddr_storage *peer, char *text, size_t size);

/* --- worker.c, connection.c, request.c -------------------------------------------------------------------- */

enum { HATHI_INPUT_BYTES = 64 * 1024, HATHI_HELD = 8, HATHI_PEER_BYTES = 64 };

struct hathi_connection {
	int fd;
	struct hathi_fcgi fcgi;
	/* Input that is not parsed yet: bytes[at .. filled]. */
	size_t at;
	size_t filled;
	uint64_t accepted;
	/* When it is given up unless something comes, CLOCK_MONOTONIC microseconds; 0 is never. */
	uint64_t deadline;
	/* It has served a request and waits for another one. */
	bool is_kept;
	/* Something of it was read. */
	bool has_spoken;
	/* Its request has come but for the body. */
	bool awaits_body;
	/* The rest of the body does not come, or too slowly: the request is not served. */
	bool gave_up;
	/* When its script first asked for the body, CLOCK_MONOTONIC microseconds. */
	uint64_t body_began;
	/* Since when others wait for its worker without a pause, while the body comes too slowly; 0 when they do not. */
	uint64_t wanted_since;
	char peer[HATHI_PEER_BYTES];
	uint8_t bytes[HATHI_INPUT_BYTES];
};

struct hathi_worker {
	/* The host's memory as it was at the fork. */
	const struct hathi_host *host;
	const struct hathi_settings *settings;
	struct hathi_shared *shared;
	struct hathi_slot slot;
	struct hathi_clients clients;
	struct hathi_connection *held[HATHI_HELD];
	uint32_t held_count;
	/* Clients in a row that did not write at once. */
	uint32_t silent_clients;
	/* How many were given up for others since one of the silent ones sent its request. */
	uint32_t made_room;
	struct hathi_connection *spare;
	uint32_t slot_number;
	uint32_t slot_count;
	int control;
	int listen_fd;
	int log_fd;
	int epoll;
	uint32_t log_generation;
	bool accepting;
	/* It may have been woken for a connection in place of another worker, and has not tried to accept since. */
	bool owes_accept;
	/* Connections come faster than they are served: the next one is probably there. A vain accept(2) is dear. */
	bool is_pressed;
	/* Its last request was over so soon that giving the processor away costs nobody anything. */
	bool is_quick;
	bool is_tcp;
	bool catches_output;
	bool may_reuse;
	bool retires;
	/* Said already that the access log cannot be written; its last line is not whole. */
	bool access_log_failed;
	bool access_log_torn;
	bool access_is_json;
	bool access_query;
	bool makes_request_ids;
	uint64_t requests_left;
	enum hathi_level log_level;
	size_t log_limit;
	const char *pool;
	const char *ping_path;
	const char *ping_response;
	const char *status_path;
	const char *extensions;
	struct hathi_access_format *access_format;
	struct hathi_output output;
};

enum hathi_read { HATHI_READ_REQUEST, HATHI_READ_MORE, HATHI_READ_CLOSED };

void hathi_worker_read_settings(struct hathi_worker *worker, struct hathi_host *host);
_Noreturn void hathi_worker_main(struct hathi_host *host, uint32_t slot, int control);
struct hathi_connection *hathi_connection_open(struct hathi_worker *worker, int fd);
enum hathi_read hathi_connection_read(struct hathi_worker *worker, struct hathi_connection *connection);
void hathi_connection_close(struct hathi_worker *worker, struct hathi_connection *connection);
void hathi_connection_let_go(const struct hathi_worker *worker, struct hathi_connection *connection);
void hathi_connection_finish(struct hathi_worker *worker, struct hathi_connection *connection);
size_t hathi_connection_body(struct hathi_worker *worker, struct hathi_connection *connection, char *target,
	size_t size);
void hathi_worker_control(struct hathi_worker *worker);
void hathi_worker_flush(struct hathi_worker *worker);
bool hathi_worker_ask_status(struct hathi_worker *worker, const char *query, uint32_t *status, int *page);

bool hathi_request_serve(struct hathi_worker *worker, struct hathi_connection *connection);

/* --- cpu_timer.c ------------------------------------------------------------------------------------------ */

void hathi_cpu_timer_start(void);
uint64_t hathi_cpu_read(uint64_t clock);

/* --- log.c ------------------------------------------------------------------------------------------------ */

void hathi_worker_log(struct hathi_worker *worker, enum hathi_level level, const char *format, ...)
	HATHI_PRINTF(3, 4);
void hathi_worker_tell(struct hathi_worker *worker, enum hathi_level level, const char *format, ...)
	HATHI_PRINTF(3, 4);
void hathi_worker_log_php(struct hathi_worker *worker, const char *text);
size_t hathi_log_limit(const struct hathi_settings *settings);
void hathi_host_note(struct hathi_host *host, enum hathi_level level, const char *format, ...) HATHI_PRINTF(3, 4);
void hathi_worker_log_notes(struct hathi_worker *worker);

/* --- request_id.c ----------------------------------------------------------------------------------------- */

/* The longest id and its NUL. */
enum { HATHI_REQUEST_ID_BYTES = 65 };

bool hathi_request_id_is_valid(const char *id);
bool hathi_request_id(struct hathi_params *params, bool makes, char id[HATHI_REQUEST_ID_BYTES]);

/* --- faults.c, exits.c ------------------------------------------------------------------------------------ */

bool hathi_faults_install(void);
void hathi_faults_watch(const struct hathi_output *output);
void hathi_faults_answer(void);

/* --- calls.c, scheduler.c --------------------------------------------------------------------------------- */

/* A function that takes the place of the C library's. */
#define HATHI_IN_PLACE __attribute__((visibility("default")))

void hathi_calls_lead_here(void);
void hathi_scheduler_start(const struct hathi_settings *settings);
bool hathi_is_quitting(void);
int hathi_quit_fd(void);
/* What the host sends a worker that is to die with an answer for its client. */
int hathi_signal_for(const char *mode);

#endif
