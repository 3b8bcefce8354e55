// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"

#define READING (WITH(OUTPUT) | WITH(HELP))
#define VALUES (WITH(SET) | WITH(PLACEHOLDER) | WITH(HELP))

const struct verb VERBS[] = {
	{"template show", "OBJ", "list the programs and parameters of an object", "vpcctl template show ping_global.bpf.o",
		0, WITH(PROGRAM) | WITH(PLACEHOLDER) | READING, template_show, NULL},
	{"template patch", "OBJ", "write values into a copy of an object, for ip, tc or bpftool",
		"vpcctl template patch ping_global.bpf.o --set target_addr=10.0.0.2 -o patched.o",
		WITH(OUTPUT), WITH(PROGRAM) | VALUES, template_patch, NULL},
	{"attach", "OBJ", "write values into a program, load it and attach it, or replace what was attached before",
		"vpcctl attach ping_global.bpf.o --program filter_out --interface eth0 --direction egress --set target_addr=10.0.0.2",
		WITH(PROGRAM) | WITH(INTERFACE) | WITH(DIRECTION), WITH(HOOK) | WITH(BPFFS) | VALUES, attach_program, NULL},
	{"detach", NULL, "remove what vpcctl attached", "vpcctl detach --interface eth0 --direction egress",
		WITH(INTERFACE) | WITH(DIRECTION), WITH(BPFFS) | WITH(HELP), detach_program, NULL},
	{"status", NULL, "list what is attached, with its values", "vpcctl status -o json", 0, WITH(BPFFS) | READING, show_status, NULL},
	{"drops", NULL, "list what was dropped, by reason and VPC", "vpcctl drops", 0, WITH(BPFFS) | READING, show_drops, NULL},
	{"doctor", NULL, "tell what works on this machine, what does not, and what to do", "vpcctl doctor --interface eth0",
		0, WITH(INTERFACE) | WITH(BPFFS) | READING, diagnose, print_checks},
	{"completion", "bash|zsh|fish", "print a completion script for the shell", "source <(vpcctl completion bash)",
		0, WITH(HELP), print_completion, NULL},
};

const size_t VERB_COUNT = sizeof VERBS / sizeof *VERBS;
