// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../cleanup.h"
#include "filter_management.h"
#include "filter_text.h"
#include "filter_verbs.h"

/* With --on-exit detach: how long the filter outlives a process that was killed, and how often that is put off. */
#define HOLD_NANOSECONDS UINT64_C(10000000000)
#define HOLD_AGAIN_SECONDS 2

int find_filter(const struct command_line *command_line, struct vpc_port_filter **ret_filter, struct vpc_error *error) {
	const char *name = command_line->values[OPTION_INTERFACE];
	uint32_t ifindex = if_nametoindex(name);
	if (ifindex == 0)
		return snprintf(error->text, sizeof error->text, "%.64s: no such interface in this network namespace; 'ip link' lists them", name), -ENODEV;
	return ret_filter ? vpc_port_filter_open(ifindex, command_line->values[OPTION_BPFFS], ret_filter, error) : 0;
}

static enum exit_status usage(const struct command_line *command_line, const char *option, const char *text) {
	fprintf(stderr, "vpcctl: %s: %s%s%s\n", command_line->verb->name, option, *option ? ": " : "", text);
	return EXIT_USAGE;
}

/* What the command line says, read. */
struct attachment {
	struct port_list ports;
	struct vpc_port_filter_options options;
	bool holds;
};

static void free_attachment(struct attachment *attachment) {
	port_list_free(&attachment->ports);
}

static int add_all(const struct command_line *command_line, int option, uint8_t flags, struct port_list *list, struct vpc_error *error) {
	int result = 0;
	for (size_t i = 0; i < command_line->counts[option] && result == 0; i++)
		result = port_list_add(list, command_line->all[option][i], flags, error);
	return result;
}

static bool read_mode(const char *text, struct vpc_port_filter_options *options) {
	static const struct {
		const char *name;
		enum vpc_hook hook;
		bool offload;
	} MODES[] = {{"auto", VPC_HOOK_AUTO, false}, {"native", VPC_HOOK_XDP_NATIVE, false}, {"generic", VPC_HOOK_XDP_GENERIC, false},
		{"offload", VPC_HOOK_AUTO, true}};
	for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
		if (strcmp(text, MODES[i].name))
			continue;
		options->hook = MODES[i].hook;
		options->offload = MODES[i].offload;
		return true;
	}
	return false;
}

static enum exit_status read_attachment(const struct command_line *command_line, struct attachment *attachment) {
	const char *const *values = command_line->values;
	struct vpc_error error = {""};
	if (add_all(command_line, OPTION_ALLOW, VPC_PORT_PUBLIC, &attachment->ports, &error))
		return usage(command_line, "--allow", error.text);
	if (add_all(command_line, OPTION_REDIRECT, VPC_PORT_SOCKET, &attachment->ports, &error))
		return usage(command_line, "--redirect", error.text);
	if (attachment->ports.count == 0)
		return usage(command_line, "", "no port would be open; name those that are to be with --allow, like --allow tcp/22");
	if (values[OPTION_MODE] && !read_mode(values[OPTION_MODE], &attachment->options))
		return usage(command_line, "--mode", "is auto, native, generic or offload");
	if (values[OPTION_REPLIES] &&
		read_range(values[OPTION_REPLIES], &attachment->options.first_reply, &attachment->options.last_reply, &error))
		return usage(command_line, "--udp-replies", error.text);
	if (values[OPTION_CONFIRM] && read_time(values[OPTION_CONFIRM], &attachment->options.confirm_within, &error))
		return usage(command_line, "--confirm-within", error.text);
	attachment->holds = values[OPTION_ON_EXIT] && strcmp(values[OPTION_ON_EXIT], "detach") == 0;
	if (values[OPTION_ON_EXIT] && !attachment->holds && strcmp(values[OPTION_ON_EXIT], "keep"))
		return usage(command_line, "--on-exit", "is keep or detach");
	if (attachment->holds && values[OPTION_CONFIRM])
		return usage(command_line, "--confirm-within", "is of no use with --on-exit detach: ending the command takes the filter back");
	attachment->options.size = sizeof attachment->options;
	attachment->options.ports = attachment->ports.ports;
	attachment->options.port_count = attachment->ports.count;
	attachment->options.pin_directory = values[OPTION_BPFFS];
	if (attachment->holds) {
		attachment->options.holder = (uint32_t)getpid();
		attachment->options.confirm_within = HOLD_NANOSECONDS;
	}
	return EXIT_DONE;
}

static bool is_public(uint16_t port, const void *context) {
	const struct port_list *list = context;
	for (size_t i = 0; i < list->count; i++)
		if (list->ports[i].protocol == IPPROTO_TCP && list->ports[i].port == port && list->ports[i].flags & VPC_PORT_PUBLIC)
			return true;
	return false;
}

static bool is_not_named(uint16_t port, const void *context) {
	const struct port_list *list = context;
	for (size_t i = 0; i < list->count; i++)
		if (list->ports[i].protocol == IPPROTO_TCP && list->ports[i].port == port)
			return false;
	return true;
}

/*
 * Nobody needs to live for the filter to be over in time. This process only tidies up then: it detaches what passes
 * everything by itself already.
 */
static void tidy_up_later(const struct command_line *command_line, uint32_t ifindex) {
	const struct timespec pause = {.tv_nsec = 200000000};
	struct vpc_port_filter_state state = {.waits = true, .time_left = 1};
	struct vpc_port_filter *filter = NULL;
	const char *pin_directory = command_line->values[OPTION_BPFFS];
	fflush(stdout);
	if (fork() != 0)
		return;
	setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (chdir("/") || vpc_port_filter_open(ifindex, pin_directory, &filter, NULL))
		_exit(EXIT_FAILED);
	while (state.waits && state.time_left) {
		nanosleep(&pause, NULL);
		vpc_port_filter_describe(filter, &state);
	}
	vpc_port_filter_free(filter);
	if (state.waits && vpc_port_filter_open(ifindex, pin_directory, &filter, NULL) == 0)
		vpc_port_filter_free(filter);
	_exit(EXIT_DONE);
}

/* Puts the end off. A filter that is no longer this process's is left alone. */
static int hold_again(const struct command_line *command_line, uint32_t ifindex, struct vpc_error *error) {
	struct vpc_port_filter *filter = NULL;
	int result = vpc_port_filter_open(ifindex, command_line->values[OPTION_BPFFS], &filter, error);
	result = result ?: vpc_port_filter_hold(filter, (uint32_t)getpid(), HOLD_NANOSECONDS, error);
	vpc_port_filter_free(filter);
	return result;
}

static enum exit_status hold_until_signal(const struct command_line *command_line, uint32_t ifindex, const sigset_t *signals) {
	const struct timespec pause = {.tv_sec = HOLD_AGAIN_SECONDS};
	struct vpc_error error = {""};
	int result = 0;
	printf("%s: filtered as long as this command runs\n", command_line->values[OPTION_INTERFACE]);
	fflush(stdout);
	while (sigtimedwait(signals, NULL, &pause) < 0 && result == 0)
		result = hold_again(command_line, ifindex, &error);
	result = result ?: hold_again(command_line, ifindex, &error);
	result = result ?: vpc_port_filter_detach(ifindex, command_line->values[OPTION_BPFFS], &error);
	return result < 0 ? report(result, &error) : EXIT_DONE;
}

enum exit_status filter_attach(const struct command_line *command_line) {
	_cleanup_(free_attachment) struct attachment attachment = {.holds = false};
	const char *interface = command_line->values[OPTION_INTERFACE];
	struct vpc_error error = {""};
	sigset_t signals;

	enum exit_status status = read_attachment(command_line, &attachment);
	if (status != EXIT_DONE)
		return status;
	int result = find_filter(command_line, NULL, &error);
	if (result < 0)
		return report(result, &error);
	uint32_t ifindex = if_nametoindex(interface);
	sigemptyset(&signals);
	for (size_t i = 0; i < 3 && attachment.holds; i++)
		sigaddset(&signals, (const int[]){SIGINT, SIGTERM, SIGHUP}[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	result = vpc_port_filter_attach(ifindex, &attachment.options, &error);
	if (result < 0)
		return report(result, &error);
	warn_of_management(interface, is_public, &attachment.ports);
	if (attachment.holds)
		return hold_until_signal(command_line, ifindex, &signals);
	if (attachment.options.confirm_within) {
		printf("%s: filtered for %s; 'vpcctl filter confirm --interface %s' keeps it\n", interface, command_line->values[OPTION_CONFIRM], interface);
		tidy_up_later(command_line, ifindex);
	}
	return EXIT_DONE;
}

static void free_filter(struct vpc_port_filter **filter) {
	vpc_port_filter_free(*filter);
}

enum exit_status filter_confirm(const struct command_line *command_line) {
	_cleanup_(free_filter) struct vpc_port_filter *filter = NULL;
	struct vpc_error error = {""};
	int result = find_filter(command_line, &filter, &error);
	result = result ?: vpc_port_filter_confirm(filter, &error);
	return result < 0 ? report(result, &error) : EXIT_DONE;
}

enum exit_status filter_detach(const struct command_line *command_line) {
	struct vpc_error error = {""};
	int result = find_filter(command_line, NULL, &error);
	result = result ?: vpc_port_filter_detach(if_nametoindex(command_line->values[OPTION_INTERFACE]), command_line->values[OPTION_BPFFS], &error);
	return result < 0 ? report(result, &error) : EXIT_DONE;
}

static enum exit_status change(const struct command_line *command_line, uint8_t flags) {
	_cleanup_(port_list_free) struct port_list list = {0};
	_cleanup_(free_filter) struct vpc_port_filter *filter = NULL;
	struct vpc_error error = {""};
	if (port_list_add(&list, command_line->operand, flags, &error))
		return usage(command_line, "", error.text);
	int result = find_filter(command_line, &filter, &error);
	if (flags)
		result = result ?: vpc_port_filter_open_ports(filter, list.ports, list.count, &error);
	else
		result = result ?: vpc_port_filter_close_ports(filter, list.ports, list.count, &error);
	if (result < 0)
		return report(result, &error);
	if (!flags)
		warn_of_management(command_line->values[OPTION_INTERFACE], is_not_named, &list);
	return EXIT_DONE;
}

enum exit_status filter_allow(const struct command_line *command_line) {
	return change(command_line, VPC_PORT_PUBLIC);
}

enum exit_status filter_redirect(const struct command_line *command_line) {
	return change(command_line, VPC_PORT_SOCKET);
}

enum exit_status filter_deny(const struct command_line *command_line) {
	return change(command_line, 0);
}

void print_filter_policy(void) {
	printf("\nBesides open ports there pass: TCP with ACK or RST set (answers to own connections; nobody can open one so), UDP\n"
		   "to the ports of --udp-replies, DHCP answers, ICMP, ICMPv6 with neighbour discovery, IGMP, later fragments, and what is\n"
		   "not IP (ARP and others). Everything else is dropped and counted; 'vpcctl filter show' tells. A port of --redirect that\n"
		   "is in --allow too passes as long as no AF_XDP socket is bound to the receive queue; else it is dropped then.\n");
}
