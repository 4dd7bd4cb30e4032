/* Keeps listening sockets of a master that has ended for the next one (keeper.c). */
#ifndef HATHI_KEEPER_H
#define HATHI_KEEPER_H

int hathi_keeper_main(const char *program, int argc, char **argv, char **environment);

#endif
