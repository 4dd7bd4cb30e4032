/* The system's clocks (clock.c). */
#ifndef HATHI_CLOCK_H
#define HATHI_CLOCK_H

#include <stdint.h>
/* With the names of the clocks. */
#include <time.h>

uint64_t hathi_clock(int clock);

#endif
