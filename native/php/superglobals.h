/* The superglobals of a request of a booted application (superglobals.c). */
#ifndef HATHI_SUPERGLOBALS_H
#define HATHI_SUPERGLOBALS_H

void hathi_superglobals_fill(void);

#endif
