#include "worker/faults.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/calls.h"

/* _exit(2), by which PHP and its extensions leave a process where they see no other way: a client is answered first. */

HATHI_IN_PLACE void _exit(int code)
{
	hathi_faults_answer();
	for (;;) syscall(SYS_exit_group, code);
}

HATHI_IN_PLACE void _Exit(int code)
{
	_exit(code);
}
