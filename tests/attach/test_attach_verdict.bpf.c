// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Answers every packet with one verdict. The salt makes programs of equal verdict different ones.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "parameter.h"

VPC_PARAMETER(__u32, verdict, "type=integer;text=what is returned for every packet");
VPC_PARAMETER(__u32, salt, "type=integer;text=any number but 0");

SEC("tc")
int answer(void *context) {
	return VPC_CONSTANT(salt) ? VPC_CONSTANT(verdict) : 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
