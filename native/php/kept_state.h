/*
 * State of a booted application that PHP forgets at the end of a request, or that a request may change: time zone,
 * session handler, shutdown functions, umask, folder (kept_state.c).
 */
#ifndef HATHI_KEPT_STATE_H
#define HATHI_KEPT_STATE_H

void hathi_kept_state_find(void);
void hathi_kept_state_end_boot(void);
void hathi_kept_state_keep(void);
void hathi_kept_state_keep_session_handler(void);
void hathi_kept_state_restore_session_handler(void);
void hathi_kept_state_restore_shutdown_functions(void);
void hathi_kept_state_restore(void);
void hathi_kept_state_restore_folder(void);
void hathi_kept_state_abandon(void);

#endif
