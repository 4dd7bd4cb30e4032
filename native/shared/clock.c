#include "shared/clock.h"

/* Microseconds of a clock of clock_gettime(2). */
uint64_t hathi_clock(int clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
