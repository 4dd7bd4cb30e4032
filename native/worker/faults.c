#include "worker/faults.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * How a worker ends. A worker that must end inside a request answers its client first, unless bytes of the response
 * have left: 504 for a time-out, 503 on the master's or an operator's order, 500 for a crash and for exit(3) or
 * _exit(2) by PHP or an extension. SIGKILL and raw system calls leave no time for an answer.
 *
 * Handlers may only use async-signal-safe functions and get no argument, hence these variables.
 */
static const struct hathi_output *volatile fault_output;
/* A process that a script forks shares the connection and must not answer. */
static pid_t fault_worker;
static volatile sig_atomic_t fault_quitting;
static int fault_quit_fd = -1;

/* Real-time signals, because PHP defers the ordinary ones inside critical sections. */
enum { SIGNAL_TERM = 3, SIGNAL_TIMEOUT = 4, ALTERNATE_STACK = 32 * 1024 };

static const char page_timeout[] =
	"Status: 504 Gateway Timeout\r\nContent-type: text/html; charset=UTF-8\r\n\r\n"
	"The script took too long and was ended.\n";
static const char page_ended[] =
	"Status: 503 Service Unavailable\r\nContent-type: text/html; charset=UTF-8\r\n\r\n"
	"The worker was ended before the script was done.\n";
static const char page_crash[] =
	"Status: 500 Internal Server Error\r\nContent-type: text/html; charset=UTF-8\r\n\r\n"
	"The worker that ran the script was lost.\n";

/* Sets the running response; NULL between requests. */
void hathi_faults_watch(const struct hathi_output *output)
{
	fault_output = output;
}

/* Sends the page unless the response has begun. */
static void answer(const char *page, size_t length)
{
	if (getpid() != fault_worker) return;
	const struct hathi_output *output = fault_output;
	fault_output = NULL;
	if (output == NULL || output->begun || output->failed || output->fd < 0) return;
	uint8_t bytes[512];
	hathi_record_header(bytes, HATHI_RECORD_STDOUT, output->id, length, 0);
	memcpy(bytes + HATHI_HEADER_BYTES, page, length);
	size_t total = HATHI_HEADER_BYTES + length;
	total += hathi_record_end(bytes + total, output->id, HATHI_STATUS_COMPLETE);
	send(output->fd, bytes, total, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void die_by(int number)
{
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigaction(number, &standard, NULL);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), number);
}

/* Answers a request that ends abnormally. */
void hathi_faults_answer(void)
{
	answer(page_crash, sizeof page_crash - 1);
}

static void on_term(int number)
{
	(void)number;
	answer(page_ended, sizeof page_ended - 1);
	die_by(SIGTERM);
}

/* An ordinary signal that ends the worker. */
static void on_ending(int number)
{
	answer(page_ended, sizeof page_ended - 1);
	die_by(number);
}

/* A limit, a timer or a system call filter: the worker cannot go on. */
static void on_limit(int number)
{
	answer(page_crash, sizeof page_crash - 1);
	die_by(number);
}

static void on_timeout(int number)
{
	(void)number;
	answer(page_timeout, sizeof page_timeout - 1);
	die_by(SIGTERM);
}

/*
 * The kernel has restored the default action (SA_RESETHAND), so returning repeats the fault and a core file shows its
 * place. A signal sent by kill(2) does not repeat by itself.
 */
static void on_fault(int number, siginfo_t *information, void *context)
{
	(void)context;
	answer(page_crash, sizeof page_crash - 1);
	if (information->si_code <= 0) die_by(number);
}

static void on_quit(int number)
{
	(void)number;
	uint64_t one = 1;
	fault_quitting = 1;
	if (write(fault_quit_fd, &one, sizeof one) < 0) return;
}

/*
 * True once a signal has asked the worker to end after its request: the kernel's when the host has died, or an
 * operator's. The host itself sends a message, not a signal.
 */
bool hathi_is_quitting(void)
{
	return fault_quitting != 0;
}

/* Readable once hathi_is_quitting() is true. */
int hathi_quit_fd(void)
{
	return fault_quit_fd;
}

/* The signal for a mode of the master's `end` that does not wait for the request; 0 for any other mode. */
int hathi_signal_for(const char *mode)
{
	if (strcmp(mode, "term") == 0) return SIGRTMIN + SIGNAL_TERM;
	if (strcmp(mode, "timeout") == 0) return SIGRTMIN + SIGNAL_TIMEOUT;
	return strcmp(mode, "kill") == 0 ? SIGKILL : 0;
}

static void handle(const int *numbers, size_t count, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};
	for (size_t index = 0; index < count; index++) sigaction(numbers[index], &action, NULL);
}

/* Installs the handlers. Returns false when the system has no fd or memory left. */
bool hathi_faults_install(void)
{
	static const int endings[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
	static const int limits[] = {SIGALRM, SIGVTALRM, SIGXCPU, SIGXFSZ, SIGSYS, SIGTRAP, SIGPOLL, SIGPWR, SIGSTKFLT};
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	fault_worker = getpid();
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	handle(endings, sizeof endings / sizeof *endings, on_ending);
	handle(limits, sizeof limits / sizeof *limits, on_limit);
	if (atexit(hathi_faults_answer) != 0) return false;
	fault_quit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* A script that recurses without end has used up its stack when the signal comes. */
	stack_t stack = {.ss_size = ALTERNATE_STACK};
	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fault_quit_fd < 0 || stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL) != 0) return false;
	struct sigaction action = {.sa_handler = on_quit, .sa_flags = SA_RESTART};
	sigaction(SIGQUIT, &action, NULL);
	action.sa_handler = on_term;
	sigaction(SIGRTMIN + SIGNAL_TERM, &action, NULL);
	action.sa_handler = on_timeout;
	sigaction(SIGRTMIN + SIGNAL_TIMEOUT, &action, NULL);
	struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_ONSTACK};
	for (size_t index = 0; index < sizeof faults / sizeof *faults; index++) sigaction(faults[index], &fault, NULL);
	sigset_t none;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}
