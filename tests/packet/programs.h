/* SPDX-License-Identifier: Apache-2.0 */
/* The programs under test: templates opened once for each world, and copies with a Pod's values. */
#ifndef PROGRAMS_H
#define PROGRAMS_H

/* Opens the templates with their maps pinned in the directory. */
void programs_open(const char *object_directory, const char *pin_directory);
void programs_close(void);
/* A loaded copy of the program with the settings ("name=value", NULL at the end); the descriptor stays until programs_close(). */
int programs_load(const char *template, const char *program, const char *const *settings);
/* NULL if there is no such program. */
int programs_find(const char *template, const char *program);
int programs_map(const char *name);

#endif
