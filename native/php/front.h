/* Worker mode: which requests are for the application (front.c). */
#ifndef HATHI_FRONT_H
#define HATHI_FRONT_H

#include <stdbool.h>

#include "php/request.h"

void hathi_front_learn(struct hathi_worker *worker);
bool hathi_front_takes(struct hathi_request *request);

#endif
