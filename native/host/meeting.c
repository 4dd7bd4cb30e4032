#include "host/meeting.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "host/descriptors.h"

enum {
	/* A new master sends its descriptors at once. */
	GREETING_MS = 1000,
};

/*
 * Accepts a process of that user that passes so many descriptors with its first byte. Returns its connection, which the
 * caller closes with them, or -1.
 */
int hathi_meeting_accept(int socket, uid_t user, int wanted, int *descriptors)
{
	struct ucred peer;
	socklen_t length = sizeof peer;
	struct timeval patience = {.tv_sec = GREETING_MS / 1000};
	struct timeval none = {0};
	int connection = accept4(socket, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0) return -1;
	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == user &&
		setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0) {
		int count = hathi_descriptors_receive(connection, 0, descriptors);
		if (count == wanted) {
			setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
			return connection;
		}
		if (count > 0) hathi_descriptors_close(descriptors, (size_t)count);
	}
	close(connection);
	return -1;
}
