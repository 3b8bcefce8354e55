/* SPDX-License-Identifier: Apache-2.0 */
/* Every hook that a test goes through. */
#ifndef TEST_ATTACH_HOOKS_H
#define TEST_ATTACH_HOOKS_H

#include <vpc/vpc.h>

static const struct hook {
	const char *description;
	enum vpc_hook hook;
	enum vpc_direction direction;
} HOOKS[] = {
	{"tcx ingress", VPC_HOOK_TCX, VPC_INGRESS},
	{"tcx egress", VPC_HOOK_TCX, VPC_EGRESS},
	{"clsact ingress", VPC_HOOK_CLSACT, VPC_INGRESS},
	{"clsact egress", VPC_HOOK_CLSACT, VPC_EGRESS},
	{"native XDP", VPC_HOOK_XDP_NATIVE, VPC_XDP},
	{"generic XDP", VPC_HOOK_XDP_GENERIC, VPC_XDP},
};

/* Whether this kernel has it (tcx came with 6.6), found by asking for what stands on the loopback interface's. */
bool hook_is_there(const struct hook *hook);

#define HOOK_COUNT (sizeof HOOKS / sizeof *HOOKS)
#define FOR_EACH_HOOK(hook_) for (const struct hook *hook_ = HOOKS; hook_ < HOOKS + HOOK_COUNT; hook_++) if (hook_is_there(hook_))
/* Hooks on which several programs stand in a row: all but XDP. */
#define FOR_EACH_CHAIN(hook_) FOR_EACH_HOOK (hook_) if (hook_->direction != VPC_XDP)

#endif
