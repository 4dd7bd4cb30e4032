#include "wire/params.h"

#include <stdlib.h>
#include <string.h>

/*
 * The parameters of one request, as PHP-FPM keeps them: in order of arrival; a duplicate puts the last value at the
 * first place; a removed name keeps its place, so a value that is set again appears where the name was first seen.
 */

static struct hathi_param *find(const struct hathi_params *params, const char *name, size_t length)
{
	for (uint32_t index = 0; index < params->count; index++) {
		struct hathi_param *param = params->list + index;
		if (param->name_length == length && memcmp(param->name, name, length) == 0) return param;
	}
	return NULL;
}

static bool reserve(struct hathi_params *params, uint32_t wanted)
{
	if (wanted <= params->capacity) return true;
	/* Spare room for the fix-ups. */
	struct hathi_param *grown = realloc(params->list, (wanted + 32) * sizeof *grown);
	if (grown == NULL) return false;
	params->list = grown;
	params->capacity = wanted + 32;
	return true;
}

static bool put(struct hathi_params *params, const struct hathi_param *param)
{
	struct hathi_param *known = find(params, param->name, param->name_length);
	if (known != NULL) {
		known->value = param->value;
		known->value_length = param->value_length;
		return true;
	}
	if (!reserve(params, params->count + 1)) return false;
	params->list[params->count++] = *param;
	return true;
}

/*
 * Takes over the parameters of a request; their texts are not copied. FCGI_ROLE comes first, and the client's own one
 * overrides it, as in PHP-FPM. Returns false when there is no memory.
 */
bool hathi_params_fill(struct hathi_params *params, const struct hathi_fcgi *fcgi)
{
	static const char *const roles[] = {"RESPONDER", "AUTHORIZER", "FILTER"};
	hathi_params_clear(params);
	if (!reserve(params, fcgi->params_count + 1)) return false;
	if (!hathi_params_set(params, "FCGI_ROLE", roles[fcgi->role - 1])) return false;
	for (uint32_t index = 0; index < fcgi->params_count; index++) {
		const struct hathi_pair *pair = fcgi->params + index;
		struct hathi_param param = {
			.name = pair->name,
			.value = pair->value,
			.name_length = pair->name_length,
			.value_length = pair->value_length,
		};
		if (!put(params, &param)) return false;
	}
	return true;
}

/* The value of a parameter; NULL when it is not set. */
const char *hathi_params_get(const struct hathi_params *params, const char *name)
{
	const struct hathi_param *param = find(params, name, strlen(name));
	return param == NULL ? NULL : param->value;
}

/* Sets a parameter to a text that lives as long as the parameters. Returns false when there is no memory. */
bool hathi_params_set(struct hathi_params *params, const char *name, const char *value)
{
	struct hathi_param param = {
		.name = name,
		.value = value,
		.name_length = (uint32_t)strlen(name),
		.value_length = (uint32_t)strlen(value),
	};
	return put(params, &param);
}

/* Removes the name from every view. Its place stays reserved. */
void hathi_params_remove(struct hathi_params *params, const char *name)
{
	struct hathi_param *param = find(params, name, strlen(name));
	if (param != NULL) param->value = NULL;
}

/*
 * Allocates a text of that length and its NUL, which lives as long as the parameters. Returns NULL when there is no
 * memory.
 */
char *hathi_params_text(struct hathi_params *params, size_t length)
{
	struct hathi_text *text = malloc(sizeof *text + length + 1);
	if (text == NULL) return NULL;
	text->next = params->texts;
	text->bytes[length] = '\0';
	params->texts = text;
	return text->bytes;
}

/* Removes all parameters. The list's memory is reused. */
void hathi_params_clear(struct hathi_params *params)
{
	while (params->texts != NULL) {
		struct hathi_text *text = params->texts;
		params->texts = text->next;
		free(text);
	}
	params->count = 0;
}
