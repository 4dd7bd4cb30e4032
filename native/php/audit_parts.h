/* Parts of a snapshot for hathi audit. */
#ifndef HATHI_AUDIT_PARTS_H
#define HATHI_AUDIT_PARTS_H

#include "php/audit_text.h"

/* audit_state.c: what Hathi puts back after a request, and what stays. */
void hathi_audit_put_settings(struct hathi_audit_text *text);
void hathi_audit_put_state(struct hathi_audit_text *text, int own_descriptor);
/* audit_probes.c: what PHP's own functions tell. */
void hathi_audit_put_probes(struct hathi_audit_text *text);
void hathi_audit_put_objects(struct hathi_audit_text *text);
/* audit_values.c: globals, statics and variables of the running functions. */
void hathi_audit_put_values(struct hathi_audit_text *text);

#endif
