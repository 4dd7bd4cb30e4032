/* Ini values of a booted application: a request may change them, and others, until its end (kept_ini.c). */
#ifndef HATHI_KEPT_INI_H
#define HATHI_KEPT_INI_H

void hathi_kept_ini_keep(void);
void hathi_kept_ini_restore(void);
void hathi_kept_ini_forget(void);

#endif
