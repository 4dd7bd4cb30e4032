/* Publishes the place of PHP's stack in a worker's memory (symbols.c). */
#ifndef HATHI_SYMBOLS_PUBLISH_H
#define HATHI_SYMBOLS_PUBLISH_H

#include <stdint.h>

void hathi_symbols_publish(uint8_t *scoreboard);

#endif
