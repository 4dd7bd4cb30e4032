/* Functions that replace those of the C library (calls.c). */
#ifndef HATHI_CALLS_H
#define HATHI_CALLS_H

/* Marks a function that replaces the C library's. */
#define HATHI_IN_PLACE __attribute__((visibility("default")))

void hathi_calls_lead_here(void);

#endif
