/* A growing line of JSON outside of PHP's memory (audit_text.c). */
#ifndef HATHI_AUDIT_TEXT_H
#define HATHI_AUDIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hathi_audit_text {
	char *bytes;
	size_t length;
	size_t capacity;
	/* The memory was used up: the line is not complete. */
	bool is_cut;
};

void hathi_audit_put(struct hathi_audit_text *text, const char *bytes, size_t length);
void hathi_audit_put_json(struct hathi_audit_text *text, const char *bytes, size_t length);
void hathi_audit_put_number(struct hathi_audit_text *text, long long number);
void hathi_audit_name(struct hathi_audit_text *text, const char *name);
void hathi_audit_name_bytes(struct hathi_audit_text *text, const char *name, size_t length);
void hathi_audit_comma(struct hathi_audit_text *text);
void hathi_audit_open(struct hathi_audit_text *text, const char *name, char bracket);
void hathi_audit_close(struct hathi_audit_text *text, char bracket);
void hathi_audit_field(struct hathi_audit_text *text, const char *name, const char *value);
void hathi_audit_field_number(struct hathi_audit_text *text, const char *name, long long value);

#endif
