#include "php/symbols_publish.h"

#include <string.h>

#include "php/php_glue.h"
#include "php/symbols.h"
#include "record/layout.h"

static void put_u32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof value);
}

/*
 * Publishes where the executor keeps the running call, and the layout of this PHP's structures, so that the master
 * can read a worker's stack (docs/contract.md, section 5). Call it once PHP has started and before the first worker.
 */
void hathi_symbols_publish(uint8_t *scoreboard)
{
	uint8_t *symbols = scoreboard + HATHI_SB_HEADER_ENGINE_SYMBOLS;
	uint64_t address = HATHI_SYMBOLS_ADDRESS;
	memcpy(symbols + HATHI_SYMBOLS_ADDRESS_AT, &address, sizeof address);
#define HATHI_PUT(position, value) put_u32(symbols + (position), (uint32_t)(value));
	HATHI_SYMBOLS_NUMBERS(HATHI_PUT)
#undef HATHI_PUT
	put_u32(symbols + HATHI_SYMBOLS_VERSION_AT, HATHI_SYMBOLS_VERSION);
	memcpy(symbols, HATHI_SYMBOLS_MAGIC, sizeof HATHI_SYMBOLS_MAGIC);
}
