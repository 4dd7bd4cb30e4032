/* Output of an application while it boots (boot_output.c). */
#ifndef HATHI_BOOT_OUTPUT_H
#define HATHI_BOOT_OUTPUT_H

#include <stddef.h>

void hathi_boot_forget(void);
size_t hathi_boot_print(const char *text, size_t length);
const char *hathi_boot_printed(void);

#endif
