/* A request's parameters (params.c). */
#ifndef HATHI_PARAMS_H
#define HATHI_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/fcgi.h"

/* A FastCGI parameter. `value` is NULL after a removal; its place stays. */
struct hathi_param {
	const char *name;
	const char *value;
	uint32_t name_length;
	uint32_t value_length;
};

struct hathi_params {
	struct hathi_param *list;
	uint32_t count;
	uint32_t capacity;
	/* Texts that the fix-ups made. */
	struct hathi_text *texts;
};

struct hathi_text {
	struct hathi_text *next;
	char bytes[];
};

bool hathi_params_fill(struct hathi_params *params, const struct hathi_fcgi *fcgi);
const char *hathi_params_get(const struct hathi_params *params, const char *name);
bool hathi_params_set(struct hathi_params *params, const char *name, const char *value);
void hathi_params_remove(struct hathi_params *params, const char *name);
char *hathi_params_text(struct hathi_params *params, size_t length);
void hathi_params_clear(struct hathi_params *params);

#endif
