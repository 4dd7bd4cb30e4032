/* PHP's time limit without system calls (cpu_timer.c). */
#ifndef HATHI_CPU_TIMER_H
#define HATHI_CPU_TIMER_H

#include <stdint.h>

void hathi_cpu_timer_start(void);
uint64_t hathi_cpu_read(uint64_t clock);

#endif
