// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "probe_internal.h"

#define DEFAULT_UDP_PORT 14789
#define DEFAULT_VXLAN_DEVICE "libvpc-vxlan"
#define NO_SUCH_COMMAND 0x7fff
#define ENOUGH_LOCKED (64u << 20) /* bytes; the datapath's maps take less */

#ifndef CAP_BPF /* kernel 5.8 */
#define CAP_BPF 39
#endif

static uint64_t read_capabilities(void) {
	char line[256];
	uint64_t capabilities = 0;
	FILE *file = fopen("/proc/thread-self/status", "re");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "CapEff: %" SCNx64, &capabilities) == 1)
			break;
	if (file)
		fclose(file);
	return capabilities;
}

/* The first user namespace maps every user id onto itself. */
static bool is_in_user_namespace(void) {
	unsigned inside = 0, outside = 0, count = 0;
	FILE *file = fopen("/proc/thread-self/uid_map", "re");
	bool known = file && fscanf(file, "%u %u %u", &inside, &outside, &count) == 3;
	if (file)
		fclose(file);
	return known && !(inside == 0 && outside == 0 && count == UINT32_MAX);
}

/* A command that no kernel knows is invalid to the kernel, and forbidden to a filter before it. */
static bool reaches_kernel(void) {
	return syscall(SYS_bpf, NO_SUCH_COMMAND, NULL, 0) < 0 && errno == EINVAL;
}

/* The kernel counts BPF memory against the cgroup, and not against a limit of the user, if it has this helper (5.11). */
static bool has_helper_of_its_age(void) {
	const struct bpf_insn instructions[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_coarse_ns},
		{.code = BPF_JMP | BPF_EXIT},
	};
	_cleanup_(close_fd) int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "vpc_probe", "GPL", instructions, 2, NULL);
	return fd >= 0;
}

/* Memory of what was closed is given back a moment later only: a refusal tells as much as an unknown helper. */
static bool is_memory_limited(uint64_t *ret_limit) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur >= ENOUGH_LOCKED || read_capabilities() >> CAP_SYS_RESOURCE & 1)
		return false;
	*ret_limit = limit.rlim_cur;
	return reaches_kernel() && !has_helper_of_its_age();
}

static bool lacks_capabilities(char *text, size_t size) {
	uint64_t capabilities = read_capabilities();
	bool all = capabilities >> CAP_SYS_ADMIN & 1;
	bool bpf = all || capabilities >> CAP_BPF & 1, net_admin = capabilities >> CAP_NET_ADMIN & 1;

	if (!bpf || !net_admin)
		snprintf(text, size, "%s",
			net_admin ? "CAP_BPF is missing"
			: bpf     ? "CAP_NET_ADMIN is missing"
			: "CAP_BPF and CAP_NET_ADMIN are missing");
	else if (is_in_user_namespace())
		snprintf(text, size, "capabilities of a user namespace do not count for BPF");
	else
		return false;
	return true;
}

bool vpc_probe_memory_limit(char text[VPC_PERMISSION_TEXT]) {
	uint64_t limit;
	if (!is_memory_limited(&limit))
		return false;
	snprintf(text, VPC_PERMISSION_TEXT,
		"the limit of locked memory is %" PRIu64 " KiB, and this kernel counts BPF against it; raise it (ulimit -l unlimited)", limit >> 10);
	return true;
}

const char *vpc_probe_permission(char text[VPC_PERMISSION_TEXT]) {
	char lacking[64];
	if (lacks_capabilities(lacking, sizeof lacking))
		snprintf(text, VPC_PERMISSION_TEXT, "%s; run as root outside of user namespaces, or give the process CAP_BPF and CAP_NET_ADMIN",
			lacking);
	else if (!vpc_probe_memory_limit(text))
		snprintf(text, VPC_PERMISSION_TEXT, "a seccomp filter, security module or kernel lockdown refuses BPF; allow it for this process");
	return text;
}

/* ---- vpc_probe() ---- */

#define CHECK_AS_ENTRY(id, name, looks_at, instead, remedy, prevents) {name, instead, remedy, prevents},
static const struct {
	const char *name, *instead, *remedy;
	uint32_t prevents;
} CHECKS[] = {VPC_CHECKS(CHECK_AS_ENTRY)};

/* Writes the remedy, in which UPLINK stands for the interface. */
static void write_remedy(const struct vpc_probe *probe, const char *remedy, char *text, size_t size) {
	const char *uplink = strstr(remedy, "UPLINK");
	if (uplink && probe->uplink.ifindex)
		snprintf(text, size, "%.*s%s%s", (int)(uplink - remedy), remedy, probe->uplink.name, uplink + strlen("UPLINK"));
	else
		snprintf(text, size, "%s", remedy);
}

static void tell(
	struct vpc_probe *probe, enum vpc_check_id id, enum vpc_finding finding, bool missing, const char *format, va_list arguments) {
	char found[512], remedy[192];
	if (probe->stopped)
		return;
	vsnprintf(found, sizeof found, format, arguments);
	write_remedy(probe, finding == VPC_FINE ? "" : CHECKS[id].remedy, remedy, sizeof remedy);
	const struct vpc_check check = {
		.name = CHECKS[id].name,
		.finding = finding,
		.missing = missing,
		.found = found,
		.instead = missing ? CHECKS[id].instead : "",
		.remedy = remedy,
		.prevents = finding == VPC_FAILURE ? CHECKS[id].prevents : 0,
	};
	probe->stopped = probe->visit(&check, probe->context);
}

void vpc_probe_tell(struct vpc_probe *probe, enum vpc_check_id id, enum vpc_finding finding, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	tell(probe, id, finding, false, format, arguments);
	va_end(arguments);
}

void vpc_probe_tell_missing(struct vpc_probe *probe, enum vpc_check_id id, enum vpc_finding finding, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	tell(probe, id, finding, true, format, arguments);
	va_end(arguments);
}

static bool probe_capabilities(struct vpc_probe *probe) {
	char lacking[64];
	bool lacks = lacks_capabilities(lacking, sizeof lacking);
	if (lacks)
		vpc_probe_tell(probe, VPC_CHECK_CAPABILITIES, VPC_FAILURE, "%s", lacking);
	else
		vpc_probe_tell(probe, VPC_CHECK_CAPABILITIES, VPC_FINE, "CAP_BPF and CAP_NET_ADMIN are there");
	return !lacks;
}

static bool probe_locked_memory(struct vpc_probe *probe) {
	uint64_t limit;
	bool limited = is_memory_limited(&limit);
	if (limited)
		vpc_probe_tell(probe, VPC_CHECK_MEMLOCK, VPC_FAILURE,
			"this kernel counts BPF against the limit of locked memory, which is %" PRIu64 " KiB", limit >> 10);
	else
		vpc_probe_tell(probe, VPC_CHECK_MEMLOCK, VPC_FINE, "no limit of locked memory is in the way");
	return !limited;
}

static int ignore_words(enum libbpf_print_level level, const char *format, va_list arguments) {
	(void)level, (void)format, (void)arguments;
	return 0;
}

int vpc_probe(const struct vpc_probe_options *options, int (*visit)(const struct vpc_check *check, void *context), void *context,
	struct vpc_error *error) {
	struct vpc_probe_options known = {.size = sizeof known};
	if (options && options->size < sizeof options->size)
		return vpc_fail(error, -EINVAL, "options.size is not set; set it to sizeof");
	if (options)
		memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
	struct vpc_probe probe = {
		.pin_directory = known.pin_directory,
		.udp_port = known.udp_port ? known.udp_port : DEFAULT_UDP_PORT,
		.vxlan_device = known.vxlan_device ? known.vxlan_device : DEFAULT_VXLAN_DEVICE,
		.visit = visit,
		.context = context,
	};
	libbpf_print_fn_t print = libbpf_set_print(ignore_words);

	probe.has_capabilities = probe_capabilities(&probe);
	if (probe.has_capabilities)
		vpc_probe_bpf(&probe);
	bool has_memory = probe.has_bpf && probe_locked_memory(&probe);
	vpc_probe_mounts(&probe);
	if (has_memory)
		vpc_probe_datapath(&probe);
	if (!probe.lost) {
		vpc_probe_network(&probe, known.uplink_ifindex);
		vpc_probe_settings(&probe);
	}
	libbpf_set_print(print);
	if (probe.lost)
		return vpc_fail(error, probe.lost, "this thread cannot go back to its network namespace: %s; end it", strerror(-probe.lost));
	return probe.stopped;
}
