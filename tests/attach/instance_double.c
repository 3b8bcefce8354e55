// SPDX-License-Identifier: Apache-2.0
#include "instance_double.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <unistd.h>

struct vpc_instance {
	int fd;
	uint32_t id;
	uint64_t tag;
	const char *values;
};

struct vpc_instance *load_verdict(enum vpc_direction direction, enum verdict verdict) {
	bool xdp = direction == VPC_XDP;
	int code = verdict == DROP ? (xdp ? XDP_DROP : TC_ACT_SHOT) : (xdp ? XDP_PASS : TC_ACT_UNSPEC);
	struct bpf_insn instructions[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = code},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct vpc_instance *instance = calloc(1, sizeof *instance);
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof info;
	instance->fd = bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "test_attach", "GPL", instructions, 2, NULL);
	if (instance->fd < 0 || bpf_obj_get_info_by_fd(instance->fd, &info, &length))
		abort();
	instance->id = info.id;
	for (int i = 0; i < 8; i++)
		instance->tag = instance->tag << 8 | info.tag[i];
	instance->values = verdict == DROP ? "verdict=1" : "verdict=0";
	return instance;
}

struct vpc_instance *vpc_instance_free(struct vpc_instance *instance) {
	if (instance)
		close(instance->fd);
	free(instance);
	return NULL;
}

int vpc_instance_fd(const struct vpc_instance *instance) {
	return instance->fd;
}

uint32_t vpc_instance_id(const struct vpc_instance *instance) {
	return instance->id;
}

uint64_t vpc_instance_tag(const struct vpc_instance *instance) {
	return instance->tag;
}

const char *vpc_instance_program(const struct vpc_instance *instance) {
	(void)instance;
	return "test_attach";
}

const char *vpc_instance_values(const struct vpc_instance *instance) {
	return instance->values;
}

const struct vpc_template *vpc_instance_template(const struct vpc_instance *instance) {
	(void)instance;
	return NULL;
}

const char *vpc_template_hash(const struct vpc_template *template_) {
	(void)template_;
	return "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
}
