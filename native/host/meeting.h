/* The socket at which the next master finds a process of the last one (meeting.c). */
#ifndef HATHI_MEETING_H
#define HATHI_MEETING_H

#include <sys/types.h>

int hathi_meeting_accept(int socket, uid_t user, int wanted, int *descriptors);

#endif
