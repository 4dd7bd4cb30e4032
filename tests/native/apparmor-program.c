/*
 * Moves "itself" to a hat in a folder that stands for /proc (native/host/apparmor.c): the kernel of a test machine may have
 * no AppArmor, and a file shows what would be written to it. Prints the error, if any.
 *
 *   apparmor-program FOLDER HAT
 */
#include "../../native/host/apparmor.c"

int main(int count, char **words)
{
	char error[1024] = "";
	if (count != 3) return 64;
	int folder = open(words[1], O_PATH | O_DIRECTORY);
	bool done = hathi_apparmor_enter(folder, words[2], error, sizeof error);
	puts(error);
	return done ? 0 : 1;
}
