#include "worker/faults.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/calls.h"

/* PHP and its extensions leave a process by _exit(2) when they see no other way. The client is answered first. */

HATHI_IN_PLACE void _exit(int code)
{
	hathi_faults_answer();
	for (;;) syscall(SYS_exit_group, code);
}

HATHI_IN_PLACE void _Exit(int code)
{
	_exit(code);
}
