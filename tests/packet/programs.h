/* SPDX-License-Identifier: Apache-2.0 */
/* The programs under test, by the library's public calls alone. A failure ends the test with the library's own words. */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#include <stddef.h>
#include <vpc/vpc.h>

/* Opens and prepares the built-in templates, with maps and attachments pinned in the directory of a bpffs. */
void programs_open(const char *pin_directory, enum vpc_hook hook);
/* Releases memory and descriptors; what is pinned stays. */
void programs_close(void);
/* A copy of the program with the settings ("name=value"); stays until programs_close(). */
const struct vpc_instance *programs_load(const char *template, const char *program, const char *const *settings, size_t count);
void programs_attach(const struct vpc_instance *instance, int ifindex, enum vpc_direction direction);
/* Descriptor of a map that the programs share. */
int programs_map(const char *name);

#endif
