/* Functions in the place of the C library's (calls.c). */
#ifndef HATHI_CALLS_H
#define HATHI_CALLS_H

/* A function that takes the place of the C library's. */
#define HATHI_IN_PLACE __attribute__((visibility("default")))

void hathi_calls_lead_here(void);

#endif
