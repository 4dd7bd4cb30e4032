/* How a worker ends (faults.c, exits.c). */
#ifndef HATHI_FAULTS_H
#define HATHI_FAULTS_H

#include <stdbool.h>

#include "wire/output.h"

bool hathi_faults_install(void);
void hathi_faults_watch(const struct hathi_output *output);
void hathi_faults_answer(void);
bool hathi_is_quitting(void);
int hathi_quit_fd(void);
int hathi_signal_for(const char *mode);

#endif
