/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of this folder, opened, loaded and run. What fails ends the test with the library's own message. */
#ifndef TEST_LIBRARY_SCENE_H
#define TEST_LIBRARY_SCENE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <vpc/vpc.h>

#define COUNT(array_) (sizeof(array_) / sizeof *(array_))
#define MOST_SETTINGS 32

/* Where the objects lie: from the command line. */
extern const char *object_directory;

/* The bytes of NAME.bpf.o; the caller frees them. */
uint8_t *read_object(const char *name, size_t *ret_length);
/* A template of test_NAME.bpf.o; options may be NULL. */
struct vpc_template *open_object(const char *name, const struct vpc_template_options *options);
/* The same, prepared for tc without pins. */
struct vpc_template *prepare_object(const char *name, const struct vpc_template_options *options);

/* Reads "a=1 b=2" into settings; returns their number, or the error of the first that is none. */
int parse_settings(const struct vpc_template *template, const char *text, struct vpc_setting *settings, struct vpc_error *error);
int try_load(struct vpc_template *template, const char *program, const char *settings, struct vpc_instance **ret_instance,
	struct vpc_error *error);
struct vpc_instance *load(struct vpc_template *template, const char *program, const char *settings);

/* Runs the program once on a frame of 64 zeros, with mark and priority; returns what it returns. */
uint32_t run_fd(int program_fd, uint32_t mark, uint32_t priority);
uint32_t run(const struct vpc_instance *instance);
/* What the program noted. */
uint64_t result_at(const struct vpc_template *template, uint32_t index);

/* Leaves with 77 and a reason where BPF programs cannot be loaded. */
void need_bpf(void);

#endif
