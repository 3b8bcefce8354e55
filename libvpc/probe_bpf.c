// SPDX-License-Identifier: Apache-2.0
/*
 * What the verifier, the maps and the hooks of this kernel can. Hooks and devices are tried on the loopback of a network
 * namespace of their own, which goes away with the last look at it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "bpf_syscall.h"
#include "builtin.h"
#include "netlink.h"
#include "probe_internal.h"
#include "template.h"

#define LOOPBACK 1u /* its index in every network namespace */
#define TRIED_PRIORITY 1
#define TRIED_HANDLE 1
#define TRIED_FLOWS 64   /* entries; the kernel takes memory for all of them at once */
#define TRIED_PORT 14789 /* nothing holds it in a new namespace */
#define MOST_SETTINGS 32

static int load(enum bpf_prog_type type, int result) {
	const struct bpf_insn instructions[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = result},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(type, "vpc_probe", "GPL", instructions, sizeof instructions / sizeof *instructions, NULL);
	return fd < 0 ? -errno : fd;
}

static bool is_compiled(int program_fd) {
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof info;
	return bpf_obj_get_info_by_fd(program_fd, &info, &size) == 0 && info.jited_prog_len > 0;
}

void vpc_probe_bpf(struct vpc_probe *probe) {
	_cleanup_(close_fd) int fd = load(BPF_PROG_TYPE_SCHED_CLS, TC_ACT_UNSPEC);
	char permission[VPC_PERMISSION_TEXT];
	probe->has_bpf = fd >= 0;
	if (fd == -EPERM)
		vpc_probe_tell(probe, VPC_CHECK_BPF, VPC_FAILURE, "the kernel loads no program: %s: %.*s", strerror(EPERM),
			(int)strcspn(vpc_probe_permission(permission), ";"), permission);
	else if (fd == -ENOSYS)
		vpc_probe_tell(probe, VPC_CHECK_BPF, VPC_FAILURE, "the kernel has no bpf() system call (CONFIG_BPF_SYSCALL)");
	else if (fd < 0)
		vpc_probe_tell(probe, VPC_CHECK_BPF, VPC_FAILURE, "the kernel loads no program: %s", strerror(-fd));
	else
		vpc_probe_tell(probe, VPC_CHECK_BPF, VPC_FINE, "a classifier loads");
	if (fd < 0)
		return;
	if (is_compiled(fd))
		vpc_probe_tell(probe, VPC_CHECK_JIT, VPC_FINE, "programs are compiled to machine code");
	else
		vpc_probe_tell_missing(probe, VPC_CHECK_JIT, VPC_WARNING, "programs are not compiled to machine code");
}

/* ---- hooks and devices, in a namespace of their own ---- */

/* Whether there is tcx. */
static bool probe_tcx(struct vpc_probe *probe, int program_fd) {
	_cleanup_(close_fd) int link_fd = vpc_bpf_link_create(program_fd, LOOPBACK, VPC_BPF_ATTACH_TCX_INGRESS, VPC_BPF_BEFORE);
	_cleanup_(close_fd) int next_fd = load(BPF_PROG_TYPE_SCHED_CLS, TC_ACT_OK);
	if (link_fd == -EINVAL)
		return vpc_probe_tell_missing(probe, VPC_CHECK_TCX, VPC_FINE, "the kernel has no tcx"), false;
	int result = link_fd < 0 ? link_fd : vpc_bpf_link_update(link_fd, next_fd);
	if (result < 0)
		return vpc_probe_tell_missing(probe, VPC_CHECK_TCX, VPC_WARNING, "tcx takes no link: %s", strerror(-result)), false;
	vpc_probe_tell(probe, VPC_CHECK_TCX, VPC_FINE, "links attach, and are replaced in one step");
	return true;
}

static void probe_clsact(struct vpc_probe *probe, int program_fd, bool has_tcx) {
	_cleanup_(vpc_netlink_close) struct vpc_netlink netlink = {0};
	const char *what = "netlink socket";
	int result = vpc_netlink_open(&netlink);
	if (!result) {
		what = "qdisc clsact";
		result = vpc_netlink_add_clsact(&netlink, LOOPBACK);
	}
	if (!result) {
		what = "filter bpf";
		result = vpc_netlink_put_filter(&netlink, LOOPBACK, VPC_TC_INGRESS, TRIED_PRIORITY, TRIED_HANDLE, program_fd, "probe");
	}
	const char *words = netlink.reason[0] ? netlink.reason : strerror(-result);
	if (result && has_tcx)
		vpc_probe_tell_missing(probe, VPC_CHECK_CLSACT, VPC_WARNING, "%s: %s", what, words);
	else if (result)
		vpc_probe_tell(probe, VPC_CHECK_CLSACT, VPC_FAILURE, "%s: %s, and there is no tcx either", what, words);
	else
		vpc_probe_tell(probe, VPC_CHECK_CLSACT, VPC_FINE, "qdisc and filter attach");
}

static void probe_xdp(struct vpc_probe *probe) {
	_cleanup_(close_fd) int program_fd = load(BPF_PROG_TYPE_XDP, XDP_PASS);
	_cleanup_(close_fd) int link_fd =
		program_fd < 0 ? -1 : vpc_bpf_link_create(program_fd, LOOPBACK, VPC_BPF_ATTACH_XDP, XDP_FLAGS_SKB_MODE);
	if (program_fd < 0)
		vpc_probe_tell_missing(probe, VPC_CHECK_XDP, VPC_FAILURE, "XDP programs do not load: %s", strerror(-program_fd));
	else if (link_fd < 0)
		vpc_probe_tell_missing(probe, VPC_CHECK_XDP, VPC_FAILURE, "XDP programs load but do not attach: %s", strerror(-link_fd));
	else
		vpc_probe_tell(probe, VPC_CHECK_XDP, VPC_FINE, "programs load and attach; native mode depends on each interface's driver");
}

static void probe_vxlan(struct vpc_probe *probe) {
	struct vpc_error error = {""};
	uint32_t ifindex;
	int result = vpc_vxlan_device_put("vpc-probe", TRIED_PORT, true, &ifindex, &error);
	if (result == -EOPNOTSUPP)
		vpc_probe_tell(probe, VPC_CHECK_VXLAN, VPC_FAILURE, "the kernel has no VXLAN (CONFIG_VXLAN)");
	else if (result < 0)
		vpc_probe_tell(probe, VPC_CHECK_VXLAN, VPC_FAILURE, "%s", error.text);
	else
		vpc_probe_tell(probe, VPC_CHECK_VXLAN, VPC_FINE, "devices can be made");
}

static void probe_hooks(struct vpc_probe *probe) {
	_cleanup_(close_fd) int program_fd = load(BPF_PROG_TYPE_SCHED_CLS, TC_ACT_UNSPEC);
	bool has_tcx = probe_tcx(probe, program_fd);
	probe_clsact(probe, program_fd, has_tcx);
	probe_xdp(probe);
	probe_vxlan(probe);
}

static void probe_in_room(struct vpc_probe *probe) {
	static const enum vpc_check_id NOT_TRIED[] = {VPC_CHECK_TCX, VPC_CHECK_CLSACT, VPC_CHECK_XDP, VPC_CHECK_VXLAN};
	_cleanup_(close_fd) int home_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int result = home_fd < 0 || unshare(CLONE_NEWNET) ? -errno : 0;
	if (result == 0) {
		probe_hooks(probe);
		probe->lost = setns(home_fd, CLONE_NEWNET) ? -errno : 0;
		return;
	}
	for (size_t i = 0; i < sizeof NOT_TRIED / sizeof *NOT_TRIED; i++)
		vpc_probe_tell(
			probe, NOT_TRIED[i], VPC_WARNING, "not tried: no network namespace can be made for it (CAP_SYS_ADMIN): %s", strerror(-result));
}

/* ---- maps and helpers ---- */

static void probe_maps(struct vpc_probe *probe) {
	static const struct {
		const char *name;
		enum bpf_map_type type;
	} KINDS[] = {
		{"hash", BPF_MAP_TYPE_HASH},
		{"array", BPF_MAP_TYPE_ARRAY},
		{"per-CPU hash", BPF_MAP_TYPE_PERCPU_HASH},
		{"longest prefix", BPF_MAP_TYPE_LPM_TRIE},
		{"tail calls", BPF_MAP_TYPE_PROG_ARRAY},
	};
	char missing[128] = "";
	for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
		if (libbpf_probe_bpf_map_type(KINDS[i].type, NULL) != 1)
			snprintf(missing + strlen(missing), sizeof missing - strlen(missing), "%s%s", missing[0] ? ", " : "", KINDS[i].name);
	if (missing[0])
		vpc_probe_tell(probe, VPC_CHECK_MAPS, VPC_FAILURE, "the kernel does not make: %s", missing);
	else
		vpc_probe_tell(probe, VPC_CHECK_MAPS, VPC_FINE, "all kinds can be made");
}

static void probe_events(struct vpc_probe *probe) {
	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 1)
		vpc_probe_tell(probe, VPC_CHECK_EVENTS, VPC_FINE, "ring buffers can be made");
	else if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_PERF_EVENT_ARRAY, NULL) == 1)
		vpc_probe_tell(probe, VPC_CHECK_EVENTS, VPC_FINE, "perf buffers can be made, ring buffers cannot");
	else
		vpc_probe_tell_missing(probe, VPC_CHECK_EVENTS, VPC_FINE, "neither ring nor perf buffers can be made");
}

#define HELPER_AS_NAME(name) [BPF_FUNC_##name] = #name
static const char *const HELPERS[] = {__BPF_FUNC_MAPPER(HELPER_AS_NAME)};
enum { HELPER_COUNT = sizeof HELPERS / sizeof *HELPERS };

/* Notes every helper that a program of the object calls. */
static void note_calls(const struct vpc_template *template, bool called[static HELPER_COUNT]) {
	for (size_t section = 1; section < template->elf.section_count; section++) {
		const struct bpf_insn *instructions = (const void *)vpc_elf_section_bytes(&template->elf, section);
		size_t count = instructions ? template->elf.sections[section].sh_size / sizeof *instructions : 0;
		for (size_t i = 0; vpc_elf_is_code(&template->elf, section) && i < count; i++) {
			if (instructions[i].code == (BPF_LD | BPF_IMM | BPF_DW))
				i++; /* the second slot */
			else if (instructions[i].code == (BPF_JMP | BPF_CALL) && instructions[i].src_reg == 0 &&
				(uint32_t)instructions[i].imm < HELPER_COUNT)
				called[instructions[i].imm] = true;
		}
	}
}

static void free_template(struct vpc_template **template) {
	vpc_template_free(*template);
}

#define OBJECT_AS_NAME(name) #name,
static const char *const OBJECTS[] = {VPC_DATAPATH_OBJECTS(OBJECT_AS_NAME)};
enum { OBJECT_COUNT = sizeof OBJECTS / sizeof *OBJECTS };

/* Whether the programs of the datapath are worth loading. */
static bool probe_helpers(struct vpc_probe *probe) {
	bool called[HELPER_COUNT] = {false};
	char missing[256] = "";
	unsigned count = 0;
	for (size_t i = 0; i < OBJECT_COUNT; i++) {
		_cleanup_(free_template) struct vpc_template *template = NULL;
		if (vpc_template_open_builtin(OBJECTS[i], NULL, &template, NULL) == 0)
			note_calls(template, called);
	}
	for (int id = 0; id < HELPER_COUNT; id++) {
		count += called[id];
		if (called[id] && libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, (enum bpf_func_id)id, NULL) != 1)
			snprintf(missing + strlen(missing), sizeof missing - strlen(missing), "%s%s", missing[0] ? ", " : "", HELPERS[id]);
	}
	if (missing[0])
		vpc_probe_tell(probe, VPC_CHECK_HELPERS, VPC_FAILURE, "the kernel does not have: %s", missing);
	else
		vpc_probe_tell(probe, VPC_CHECK_HELPERS, VPC_FINE, "all %u are there, redirect_peer among them", count);
	return !missing[0];
}

/* ---- the datapath itself ---- */

/* The lowest or the highest value of each parameter that must be set. Returns how many. */
static size_t choose_settings(const struct vpc_template *template, bool highest, struct vpc_setting settings[static MOST_SETTINGS]) {
	size_t count = 0;
	for (size_t i = 0; i < vpc_template_parameter_count(template) && count < MOST_SETTINGS; i++) {
		const struct vpc_parameter *parameter = vpc_template_parameter(template, i);
		if (parameter->has_default || parameter->site == VPC_SITE_GLOBAL)
			continue;
		struct vpc_setting *setting = &settings[count++];
		*setting = (struct vpc_setting){.name = parameter->name, .value.width = (uint8_t)parameter->width};
		if (parameter->type == VPC_VALUE_INTEGER)
			memcpy(setting->value.bytes, highest ? &parameter->highest : &parameter->lowest, parameter->width);
		else
			memset(setting->value.bytes, highest ? 0xfe : 0, parameter->width);
	}
	return count;
}

static int load_programs(struct vpc_template *template, struct vpc_error *error) {
	struct vpc_setting settings[MOST_SETTINGS];
	int result = 0;
	for (size_t i = 0; i < 2 * vpc_template_program_count(template) && result == 0; i++) {
		struct vpc_instance *instance = NULL;
		size_t count = choose_settings(template, i % 2, settings);
		result = vpc_instance_load(template, vpc_template_program_name(template, i / 2), settings, count, &instance, error);
		vpc_instance_free(instance);
	}
	return result;
}

static int load_object(const char *name, unsigned *programs, struct vpc_error *error) {
	const struct vpc_map_size flows = {"flows", TRIED_FLOWS};
	const struct vpc_prepare_options options = {.size = sizeof options, .direction = VPC_INGRESS, .map_sizes = &flows, .map_size_count = 1};
	_cleanup_(free_template) struct vpc_template *template = NULL;
	int result = vpc_template_open_builtin(name, NULL, &template, error);
	result = result ?: vpc_template_prepare(template, &options, error);
	result = result ?: load_programs(template, error);
	*programs += result ? 0 : (unsigned)vpc_template_program_count(template);
	return result;
}

static void probe_programs(struct vpc_probe *probe) {
	struct vpc_error error = {""};
	unsigned programs = 0;
	int result = 0;
	for (size_t i = 0; i < OBJECT_COUNT && result == 0; i++)
		result = load_object(OBJECTS[i], &programs, &error);
	if (result)
		vpc_probe_tell(probe, VPC_CHECK_DATAPATH, VPC_FAILURE, "%s", error.text);
	else
		vpc_probe_tell(probe, VPC_CHECK_DATAPATH, VPC_FINE, "the verifier accepts all %u programs", programs);
}

void vpc_probe_datapath(struct vpc_probe *probe) {
	probe_in_room(probe);
	probe_maps(probe);
	if (probe_helpers(probe))
		probe_programs(probe);
	probe_events(probe);
}
