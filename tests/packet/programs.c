// SPDX-License-Identifier: Apache-2.0
#include "programs.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char object_directory[512], pin_directory[512];
static uint8_t image[256];
static struct bpf_object *opened[64];
static int opened_count;

static int prepare(struct bpf_program *program, struct bpf_prog_load_opts *options, long cookie) {
	(void)options;
	(void)cookie;
	struct bpf_insn *insns = (struct bpf_insn *)bpf_program__insns(program);
	for (size_t i = 0; i + 1 < bpf_program__insn_cnt(program); i++)
		if (insns[i].code == 0x18) {
			if (insns[i].src_reg == 2) {
				memcpy(&insns[i].imm, image + insns[i + 1].imm, 4);
				memcpy(&insns[i + 1].imm, image + insns[i + 1].imm + 4, 4);
				insns[i].src_reg = 0;
			}
			i++;
		}
	return 0;
}

void programs_open(const char *objects, const char *pins) {
	static int registered;
	LIBBPF_OPTS(libbpf_prog_handler_opts, handler, .prog_prepare_load_fn = prepare);
	if (!registered)
		libbpf_register_prog_handler("tc", BPF_PROG_TYPE_SCHED_CLS, 0, &handler);
	registered = 1;
	snprintf(object_directory, sizeof object_directory, "%s", objects);
	snprintf(pin_directory, sizeof pin_directory, "%s", pins);
}

static void set(struct bpf_object *object, const char *setting) {
	const struct btf *btf = bpf_object__btf(object);
	char name[64];
	const char *value = strchr(setting, '=') + 1;
	snprintf(name, sizeof name, "%.*s", (int)(value - 1 - setting), setting);
	int id = btf__find_by_name_kind(btf, ".rodata.vpc", BTF_KIND_DATASEC);
	const struct btf_type *section = btf__type_by_id(btf, id);
	for (int i = 0; i < btf_vlen(section); i++) {
		const struct btf_var_secinfo *v = btf_var_secinfos(section) + i;
		if (strcmp(btf__name_by_offset(btf, btf__type_by_id(btf, v->type)->name_off), name))
			continue;
		uint8_t *at = image + v->offset;
		if (inet_pton(AF_INET6, value, at) == 1 || inet_pton(AF_INET, value, at) == 1)
			return;
		if (sscanf(value, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", at, at + 1, at + 2, at + 3, at + 4, at + 5) == 6)
			return;
		uint32_t number = strtoul(value, NULL, 0);
		memcpy(at, &number, 4);
		return;
	}
	fprintf(stderr, "no parameter %s\n", name);
	exit(1);
}

static struct bpf_object *load(const char *template, const char *program, const char *const *settings) {
	char path[1100];
	snprintf(path, sizeof path, "%s/%s.bpf.o", object_directory, template);
	LIBBPF_OPTS(bpf_object_open_opts, options, .pin_root_path = pin_directory);
	struct bpf_object *object = bpf_object__open_file(path, &options);
	struct bpf_program *p;
	if (!object)
		return NULL;
	memset(image, 0, sizeof image);
	bpf_object__for_each_program(p, object) {
		bpf_program__set_autoload(p, !program || !strcmp(bpf_program__name(p), program));
		bpf_program__set_type(p, BPF_PROG_TYPE_SCHED_CLS);
	}
	for (; settings && *settings; settings++)
		set(object, *settings);
	if (program && !bpf_object__find_program_by_name(object, program)) {
		bpf_object__close(object);
		return NULL;
	}
	if (bpf_object__load(object)) {
		fprintf(stderr, "cannot load %s\n", path);
		exit(1);
	}
	opened[opened_count++] = object;
	return object;
}

int programs_load(const char *template, const char *program, const char *const *settings) {
	struct bpf_object *object = load(template, program, settings);
	return object ? bpf_program__fd(bpf_object__find_program_by_name(object, program)) : -1;
}

int programs_map(const char *name) {
	char path[1100];
	snprintf(path, sizeof path, "%s/%s", pin_directory, name);
	return bpf_obj_get(path);
}

void programs_close(void) {
	while (opened_count)
		bpf_object__close(opened[--opened_count]);
}
