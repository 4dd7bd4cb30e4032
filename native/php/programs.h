/* Runs of the program that are no host: the probe of "hathi build", "hathi -i", "hathi -t". */
#ifndef HATHI_PROGRAMS_H
#define HATHI_PROGRAMS_H

int hathi_php_probe(void);
int hathi_php_info(int count, char **words);
int hathi_php_check(void);

#endif
