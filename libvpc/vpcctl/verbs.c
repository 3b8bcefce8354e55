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
	{"filter attach", NULL, "let in only what arrives for open ports, by XDP; or change the filter that stands",
		"vpcctl filter attach --interface eth0 --allow tcp/22,tcp/80 --confirm-within 30s", WITH(INTERFACE),
		WITH(ALLOW) | WITH(REDIRECT) | WITH(MODE) | WITH(REPLIES) | WITH(ON_EXIT) | WITH(CONFIRM) | WITH(BPFFS) | WITH(HELP), filter_attach,
		print_filter_policy},
	{"filter confirm", NULL, "keep a filter that was attached with --confirm-within", "vpcctl filter confirm --interface eth0", WITH(INTERFACE),
		WITH(BPFFS) | WITH(HELP), filter_confirm, NULL},
	{"filter list", NULL, "list the interfaces with a port filter", "vpcctl filter list", 0, WITH(BPFFS) | READING, filter_list, NULL},
	{"filter show", NULL, "show the open ports of a filter, and what it counted", "vpcctl filter show --interface eth0", WITH(INTERFACE),
		WITH(BPFFS) | READING, filter_show, NULL},
	{"filter allow", "PORTS", "open ports of a filter", "vpcctl filter allow tcp/443 --interface eth0", WITH(INTERFACE),
		WITH(BPFFS) | WITH(HELP), filter_allow, NULL},
	{"filter redirect", "PORTS", "hand ports of a filter to AF_XDP sockets", "vpcctl filter redirect udp/4789 --interface eth0", WITH(INTERFACE),
		WITH(BPFFS) | WITH(HELP), filter_redirect, NULL},
	{"filter deny", "PORTS", "close ports of a filter", "vpcctl filter deny tcp/80 --interface eth0", WITH(INTERFACE),
		WITH(BPFFS) | WITH(HELP), filter_deny, NULL},
	{"filter detach", NULL, "remove a filter; everything passes", "vpcctl filter detach --interface eth0", WITH(INTERFACE),
		WITH(BPFFS) | WITH(HELP), filter_detach, NULL},
	{"filter capture", NULL, "write what is redirected to AF_XDP into a pcap file; the stack does not get it",
		"vpcctl filter capture --interface eth0 --output vxlan.pcap --count 100", WITH(INTERFACE) | WITH(OUTPUT),
		WITH(PACKETS) | WITH(BPFFS) | WITH(HELP), filter_capture, print_capture_limits},
	{"completion", "bash|zsh|fish", "print a completion script for the shell", "source <(vpcctl completion bash)",
		0, WITH(HELP), print_completion, NULL},
};

const size_t VERB_COUNT = sizeof VERBS / sizeof *VERBS;
