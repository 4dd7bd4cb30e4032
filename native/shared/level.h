/* Levels of the error log (level.c). */
#ifndef HATHI_LEVEL_H
#define HATHI_LEVEL_H

enum hathi_level { HATHI_DEBUG, HATHI_NOTICE, HATHI_WARNING, HATHI_ERROR, HATHI_ALERT };

const char *hathi_level_name(enum hathi_level level);

#endif
