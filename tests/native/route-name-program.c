/* Reads lines of a method, a tab and a path, and prints the name of each one's route. For tests/native/routes.test.ts. */
#include <stdio.h>
#include <string.h>

#include "../../native/record/route.h"

int main(void)
{
	static char line[64 * 1024];
	while (fgets(line, sizeof line, stdin) != NULL) {
		char name[HATHI_ROUTE_NAME_BYTES];
		char *path = strchr(line, '\t');
		if (path == NULL) return 1;
		*path++ = '\0';
		size_t length = hathi_route_name(name, line, path, strcspn(path, "\n"));
		if (length != strlen(name) || length >= HATHI_ROUTE_NAME_BYTES) return 2;
		puts(name);
	}
	return 0;
}
