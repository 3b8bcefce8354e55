// SPDX-License-Identifier: Apache-2.0
/* The project's own objects, embedded at build time; CMake lists them. */
#include "builtin.h"

#include <errno.h>
#include <string.h>

#include "error.h"

/* Not through a table of addresses, in which arm64's linker confuses symbols of one section. */
#define HERE __attribute__((visibility("hidden")))

#define EMBED(name_) \
	__asm__(".pushsection .rodata\n" \
			".balign 8\n" \
			"vpc_builtin_" #name_ "_start: .incbin \"" VPC_OBJECT_DIRECTORY "/" #name_ ".bpf.o\"\n" \
			"vpc_builtin_" #name_ "_end: .byte 0\n" \
			".popsection\n"); \
	extern const char vpc_builtin_##name_##_start[] HERE, vpc_builtin_##name_##_end[] HERE;
VPC_BUILTIN_OBJECTS(EMBED)

int vpc_template_open_builtin(const char *name, const struct vpc_template_options *options, struct vpc_template **ret_template,
		struct vpc_error *error) {
	if (!name)
		return vpc_fail(error, -EINVAL, "object: there is no name of one in the library");
#define OPEN_IF(name_) \
	if (strcmp(name, #name_) == 0) \
		return vpc_template_open_memory(#name_, vpc_builtin_##name_##_start, \
			(size_t)(vpc_builtin_##name_##_end - vpc_builtin_##name_##_start), options, ret_template, error);
	VPC_BUILTIN_OBJECTS(OPEN_IF)
	return vpc_fail(error, -ENOENT, "%s: there is no such object in the library", name);
}
