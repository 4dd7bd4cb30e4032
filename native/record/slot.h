/* A worker's slot in the scoreboard (scoreboard.c; layout.h has the bytes). */
#ifndef HATHI_SLOT_H
#define HATHI_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/request_texts.h"

/* A worker's view of the scoreboard. */
struct hathi_slot {
	uint8_t *header;
	uint8_t *slot;
	bool is_active;
};

enum hathi_stage {
	HATHI_STAGE_CREATING,
	HATHI_STAGE_IDLE,
	HATHI_STAGE_READING,
	HATHI_STAGE_INFORMATION,
	HATHI_STAGE_RUNNING,
	HATHI_STAGE_ENDING,
	HATHI_STAGE_FINISHING,
	HATHI_STAGE_BOOTING,
};

struct hathi_slot_result {
	uint32_t status;
	uint64_t duration;
	uint64_t cpu;
	uint64_t memory;
};

size_t hathi_duration_class(uint64_t micros);
void hathi_slot_open(struct hathi_slot *slot, uint8_t *scoreboard, uint32_t number, uint32_t pid,
	bool keeps_counts);
void hathi_slot_stage(struct hathi_slot *slot, enum hathi_stage stage);
void hathi_slot_begin(struct hathi_slot *slot, uint64_t accepted);
void hathi_slot_describe(struct hathi_slot *slot, const struct hathi_request_texts *texts);
void hathi_slot_finish(struct hathi_slot *slot, const struct hathi_slot_result *result);
void hathi_slot_idle(struct hathi_slot *slot);
void hathi_slot_booting(struct hathi_slot *slot);
void hathi_slot_leaving(struct hathi_slot *slot);
void hathi_slot_booted(struct hathi_slot *slot);
void hathi_slot_heap(struct hathi_slot *slot, uint64_t bytes, uint64_t served);
void hathi_slot_clear(uint8_t *scoreboard, uint32_t number);
uint32_t hathi_slot_requests(const uint8_t *scoreboard, uint32_t number);
void hathi_slot_request_id(const uint8_t *scoreboard, uint32_t number, char *id, size_t size);
uint32_t hathi_slot_state(const uint8_t *scoreboard, uint32_t number);
bool hathi_slot_is_taken(const uint8_t *scoreboard, uint32_t number);
uint64_t hathi_accepted_requests(uint8_t *scoreboard);
void hathi_count_refused(uint8_t *scoreboard);
void hathi_count_priority(uint8_t *scoreboard);
void hathi_queue_add(uint8_t *scoreboard);
void hathi_queue_remove(uint8_t *scoreboard);
void hathi_queue_set(uint8_t *scoreboard, uint32_t length);
uint32_t hathi_queue_length(uint8_t *scoreboard);

#endif
