/* STDOUT and STDERR for the script of a worker (std_streams.c). */
#ifndef HATHI_STD_STREAMS_H
#define HATHI_STD_STREAMS_H

void hathi_std_streams_define(void);

#endif
