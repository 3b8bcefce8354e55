/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be typed. The two lists below are the only place: parsing, --help and completion are made from them, and a
 * test holds the man page against them.
 */
#ifndef VPCCTL_COMMAND_LINE_H
#define VPCCTL_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vpc/vpc.h>

/* Exit statuses, as --help and the man page list them. */
#define EXIT_STATUSES(X) \
	X(DONE, 0, "done") \
	X(FAILED, 1, "failed; nothing was changed") \
	X(USAGE, 2, "the command line is wrong") \
	X(HELD, 3, "the hook is held by somebody else") \
	X(NOT_FOUND, 4, "no such file, program, parameter or interface, or nothing is attached") \
	X(NOT_PERMITTED, 5, "a permission is missing, or BPF is switched off") \
	X(WARNED, 6, "doctor: there are warnings, and no failure") \
	X(UNFIT, 7, "doctor: there are failures")

#define EXIT_AS_ENUM(name, number, text) EXIT_##name = (number),
enum exit_status { EXIT_STATUSES(EXIT_AS_ENUM) };

/* name, argument, text. */
#define OPTIONS(X) \
	X(PROGRAM, "program", "P", "the program in the object, by the name of its function") \
	X(INTERFACE, "interface", "IF", "the network interface, by name; doctor: the uplink, instead of the one with the default route") \
	X(DIRECTION, "direction", "D", "ingress, egress or xdp") \
	X(HOOK, "hook", "HOOK", "tcx, clsact, xdp-native or xdp-generic instead of the best that there is") \
	X(SET, "set", "N=V", "write the value V into parameter N; may be repeated") \
	X(PLACEHOLDER, "placeholder", "N=C[:COUNT]", "the constant C in the instructions is parameter N, found COUNT times; may be repeated") \
	X(OUTPUT, "output", "OUT", "template patch, filter capture: the file to write; other verbs: json (-o for short)") \
	X(ALLOW, "allow", "PORTS", "open these ports, like tcp/22,udp/5000-5010,ip/47; may be repeated") \
	X(REDIRECT, "redirect", "PORTS", "hand what arrives for these ports to AF_XDP sockets; may be repeated") \
	X(MODE, "mode", "MODE", "filter: native, generic or offload XDP; auto: native, else generic; lb run: dsr, the default and only one") \
	X(REPLIES, "udp-replies", "RANGE", "ports that UDP replies come to, like 32768-60999, or none; else what the sysctl ip_local_port_range says") \
	X(ON_EXIT, "on-exit", "WHAT", "keep: the filter stays when the command has ended; detach: it lasts as long as the command runs") \
	X(CONFIRM, "confirm-within", "TIME", "take it back after that time, like 30s, unless confirmed; no process has to live for that") \
	X(PACKETS, "count", "N", "end after N packets") \
	X(BPFFS, "bpffs", "DIR", "where the pins live, instead of the default below /sys/fs/bpf") \
	X(VIP, "vip", "VIP", "what clients address: ADDRESS:PORT/PROTOCOL, like 40.1.1.1:80/tcp or [2001:db8::1]:53/udp; lb decap: an address; may be repeated") \
	X(BACKEND, "backend", "B[,weight=N]", "address of a backend and its share of new flows, 1 to 1000; may be repeated") \
	X(FROM, "from", "ADDRESS", "a balancer that is believed; may be repeated") \
	X(TABLE_SIZE, "table-size", "N", "places in a VIP's Maglev table, a prime of 251 to 131071 (default 16381)") \
	X(CONNECTIONS, "connections", "N", "flows that are remembered for each VIP (default 262144)") \
	X(AFFINITY, "affinity", NULL, "all flows of a client's address go to one backend") \
	X(CHECK, "check", "CHECK", "tcp[:PORT], http[:PORT]/PATH[=STATUS] or none (default tcp for TCP, none for UDP)") \
	X(CHECK_EVERY, "check-every", "SECONDS", "time between two checks of a backend (default 2)") \
	X(CHECK_FALL, "check-fall", "N", "failed checks in a row after which a backend is down (default 3)") \
	X(CHECK_RISE, "check-rise", "N", "good checks in a row after which it is up again (default 2)") \
	X(HELP, "help", NULL, "this text")

#define OPTION_AS_ENUM(name, ...) OPTION_##name,
enum option_index { OPTIONS(OPTION_AS_ENUM) OPTION_COUNT };
#define WITH(name) (UINT64_C(1) << OPTION_##name)

#define MOST_REPEATED 64

/* A command line that has been read. Strings belong to argv. */
struct command_line {
	const struct verb *verb;
	const char *operand;
	const char *values[OPTION_COUNT]; /* last one given */
	const char *all[OPTION_COUNT][MOST_REPEATED]; /* of options that may be repeated */
	size_t counts[OPTION_COUNT];
	struct vpc_placeholder placeholders[MOST_REPEATED];
	char placeholder_names[MOST_REPEATED][64];
	size_t placeholder_count;
	bool json;
	enum vpc_direction direction;
	enum vpc_hook hook;
};

struct verb {
	const char *name;    /* "drops", or with what it belongs to: "template show" */
	const char *operand; /* NULL: none */
	const char *summary;
	const char *example;
	uint64_t required, optional; /* options: WITH(...) | ... */
	enum exit_status (*run)(const struct command_line *command_line);
	void (*print_more)(void); /* at the end of its help; may be NULL */
};

extern const struct verb VERBS[];
extern const size_t VERB_COUNT;

/* The length of the verb's first word, and its second word, NULL if there is none. */
size_t verb_first_length(const struct verb *verb);
const char *verb_second(const struct verb *verb);
/* Whether an earlier verb of the list has the same first word. */
bool verb_first_is_known(size_t index);

/* Reads the command line. On failure the error says what is wrong and how it is meant. */
enum exit_status read_command_line(int argc, char **argv, struct command_line *ret_command_line, struct vpc_error *error);

void print_help(const struct verb *verb); /* NULL: of the whole command */
enum exit_status print_completion(const struct command_line *command_line);

/* Prints the error on stderr and gives the exit status that fits the code. */
enum exit_status report(int code, const struct vpc_error *error);

enum exit_status template_show(const struct command_line *command_line);
enum exit_status template_patch(const struct command_line *command_line);
enum exit_status attach_program(const struct command_line *command_line);
enum exit_status detach_program(const struct command_line *command_line);
enum exit_status show_status(const struct command_line *command_line);
enum exit_status show_drops(const struct command_line *command_line);
enum exit_status diagnose(const struct command_line *command_line);
enum exit_status filter_attach(const struct command_line *command_line);
enum exit_status filter_confirm(const struct command_line *command_line);
enum exit_status filter_list(const struct command_line *command_line);
enum exit_status filter_show(const struct command_line *command_line);
enum exit_status filter_allow(const struct command_line *command_line);
enum exit_status filter_redirect(const struct command_line *command_line);
enum exit_status filter_deny(const struct command_line *command_line);
enum exit_status filter_detach(const struct command_line *command_line);
enum exit_status filter_capture(const struct command_line *command_line);
enum exit_status lb_run(const struct command_line *command_line);
enum exit_status lb_add(const struct command_line *command_line);
enum exit_status lb_drain(const struct command_line *command_line);
enum exit_status lb_remove(const struct command_line *command_line);
enum exit_status lb_status(const struct command_line *command_line);
enum exit_status lb_stop(const struct command_line *command_line);
enum exit_status lb_decap(const struct command_line *command_line);

/* At the end of a verb's help. */
void print_checks(void);         /* of doctor */
void print_filter_policy(void);  /* of filter attach: what passes besides open ports */
void print_capture_limits(void); /* of filter capture */
void print_lb_run(void);         /* of lb run: what it keeps, and what goes on */

#endif
