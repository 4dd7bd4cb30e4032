/* Where PHP's stack is in a worker's memory, for the master (symbols.c). */
#ifndef HATHI_SYMBOLS_PUBLISH_H
#define HATHI_SYMBOLS_PUBLISH_H

#include <stdint.h>

void hathi_symbols_publish(uint8_t *scoreboard);

#endif
