// SPDX-License-Identifier: Apache-2.0
#include "firewall.h"
#include "../cleanup.h"
#include "events.h"
#include "metrics.h"
#include "text.h"

#include <errno.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void free_context(struct nft_ctx **context) {
	if (*context)
		nft_ctx_free(*context);
}

/* libnftables ends the process where there is no netfilter, and prints where there is no permission. */
static int check_netfilter(void) {
	_cleanup_(close_fd) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int size = 65536; /* bytes; to set it takes the same permission */
	return fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) ? -errno : 0;
}

static const char *what_is_missing(int code) {
	if (code == -EPERM)
		return "CAP_NET_ADMIN is missing; run as root outside of user namespaces, or give the process CAP_BPF and CAP_NET_ADMIN";
	return "the kernel has no netfilter netlink (CONFIG_NF_TABLES); load the module nf_tables";
}

/* Runs commands; what they print, or complain about, is given back. The caller frees it. */
static int run(const char *commands, char **ret_output) {
	int missing = check_netfilter();
	if (missing < 0) {
		*ret_output = duplicate(what_is_missing(missing));
		return missing;
	}
	_cleanup_(free_context) struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!context || nft_ctx_buffer_output(context) || nft_ctx_buffer_error(context))
		return -ENOMEM;
	nft_ctx_output_set_flags(context, NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_NUMERIC_ALL);
	int result = nft_run_cmd_from_buffer(context, commands) ? -EIO : 0;
	*ret_output = duplicate(result < 0 ? nft_ctx_get_error_buffer(context) : nft_ctx_get_output_buffer(context));
	return result;
}

static bool stands(const struct agent *agent) {
	char wanted[64];
	_cleanup_(free_memory) char *output = NULL;
	snprintf(wanted, sizeof wanted, "udp dport %u drop", agent->config.udp_port);
	return run("list chain inet libvpc forward", &output) == 0 && strstr(output, "hook forward") && strstr(output, wanted);
}

/* One transaction: at no moment is there no rule. */
static int put(const struct agent *agent, struct vpc_error *error) {
	_cleanup_(free_memory) char *output = NULL;
	_cleanup_(free_memory) char *commands = format_text("add table inet libvpc\n"
	                                                    "delete table inet libvpc\n"
	                                                    "table inet libvpc {\n"
	                                                    "	chain forward {\n"
	                                                    "		type filter hook forward priority -300; policy accept;\n"
	                                                    "		udp dport %u drop\n"
	                                                    "	}\n"
	                                                    "}\n",
	    agent->config.udp_port);
	int result = run(commands, &output);
	if (output)
		output[strcspn(output, "\n")] = '\0';
	return result < 0 ? fail(error, result, "nftables rule against forged VXLAN: %s", output ? output : "out of memory") : 0;
}

int firewall_open(struct agent *agent, struct vpc_error *error) {
	if (stands(agent))
		return 0;
	int result = put(agent, error);
	return result < 0 ? result : 1;
}

int firewall_remove(struct vpc_error *error) {
	_cleanup_(free_memory) char *output = NULL;
	int result = run("add table inet libvpc\ndelete table inet libvpc\n", &output);
	if (result == 0 || result == -EPROTONOSUPPORT) /* a kernel without it has none */
		return 0;
	return fail(error, result, "table inet libvpc: %.*s", output ? (int)strcspn(output, "\n") : 0, output ? output : "");
}

void firewall_keep(struct agent *agent) {
	struct vpc_error error = {""};
	if (stands(agent))
		return;
	int result = put(agent, &error);
	if (result == 0)
		metrics_count(COUNT_REPAIRS, "what=\"firewall\"");
	tell(agent, result < 0 ? LOG_ERROR : LOG_WARNING, subject_of_node(agent), result < 0 ? "FirewallNotRepaired" : "FirewallRepaired", "%s",
	    result < 0 ? error.text : "the rule against forged VXLAN (table inet libvpc) had been changed or removed");
}
