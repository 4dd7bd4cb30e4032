/* Output and messages of workers on their way to the master (relay.c). */
#ifndef HATHI_RELAY_H
#define HATHI_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "host/host.h"
#include "shared/control.h"

bool hathi_relay_output(struct hathi_host *host, uint32_t slot, int stream);
void hathi_relay_rest(struct hathi_host *host, uint32_t slot);
bool hathi_relay_control(struct hathi_host *host, uint32_t slot);
void hathi_relay_status(struct hathi_host *host, const char *id, uint32_t status, int page);
void hathi_relay_answer_open(struct hathi_host *host);
void hathi_relay_connection(struct hathi_host *host, int connection);
void hathi_relay_to_all(struct hathi_host *host, enum hathi_control_type type, int descriptor);

#endif
