/*
 * PHP's start (php_start.c), a hook in its middle (startup_hook.c), and the folder of php.ini that PHP shows
 * (config_folder.c).
 */
#ifndef HATHI_PHP_START_H
#define HATHI_PHP_START_H

#include "host/host.h"

void hathi_php_start(struct hathi_host *host);
void hathi_php_announce(struct hathi_host *host);
void hathi_startup_hook(struct hathi_host *host, void (*action)(struct hathi_host *host));
void hathi_startup_hook_register(void);
void hathi_config_folder(void);

#endif
