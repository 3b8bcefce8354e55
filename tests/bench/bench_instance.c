// SPDX-License-Identifier: Apache-2.0
//
// What one Pod's program costs: copy, patch, load and close, against the bare system call with the same finished
// instructions and attributes, against libbpf's open and load, and against clang for each Pod.
//
// The library's BPF_PROG_LOAD is observed by wrapping syscall() at link time: its attributes and instructions are what
// the bare system call repeats, and the time from the call to the system call is what checking, copying and patching
// take.

#include "bench.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sched.h>
#include <unistd.h>
#include <vpc/vpc.h>

extern char **environ;

static const char *const PIN_DIRECTORY = "/sys/fs/bpf/libvpc-bench";

static struct {
	union bpf_attr attributes;
	unsigned size;
	struct bpf_insn *instructions;
	uint64_t entered; /* when the last BPF_PROG_LOAD was reached */
} observed;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static void observe(const union bpf_attr *attributes, unsigned size) {
	size_t bytes = attributes->insn_cnt * sizeof(struct bpf_insn);
	observed.entered = bench_now();
	if (observed.instructions)
		return;
	observed.instructions = malloc(bytes);
	memcpy(observed.instructions, (const void *)(uintptr_t)attributes->insns, bytes);
	memset(&observed.attributes, 0, sizeof observed.attributes);
	observed.size = size < sizeof observed.attributes ? size : sizeof observed.attributes;
	memcpy(&observed.attributes, attributes, observed.size);
	observed.attributes.insns = (uintptr_t)observed.instructions;
}

static int observing, stopping;
static jmp_buf stop;

long __wrap_syscall(long number, ...) {
	va_list arguments;
	long a[6];
	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
	if (observing && number == SYS_bpf && a[0] == BPF_PROG_LOAD)
		observe((const union bpf_attr *)a[1], (unsigned)a[2]);
	if (stopping && number == SYS_bpf && a[0] == BPF_PROG_LOAD)
		longjmp(stop, 1);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static struct {
	struct vpc_template *template;
	struct vpc_setting settings[8];
	size_t count;
	uint32_t serial;
	void *patched;
	size_t patched_length;
} pod;

static void set(const char *text) {
	struct vpc_error error;
	if (vpc_template_parse_setting(pod.template, text, &pod.settings[pod.count++], &error) < 0)
		bench_fail("%s: %s", text, error.text);
}

/* A value that no instance had before: equal ones would share a program. */
static void next_pod(void) {
	uint32_t address = htobe32(0x0a000000u + ++pod.serial);
	memcpy(pod.settings[0].value.bytes, &address, sizeof address);
}

static double load_instance(void *context) {
	struct vpc_instance *instance;
	struct vpc_error error;
	(void)context;
	next_pod();
	uint64_t start = bench_now();
	if (vpc_instance_load(pod.template, "from_pod", pod.settings, pod.count, &instance, &error) < 0)
		bench_fail("%s", error.text);
	vpc_instance_free(instance);
	uint64_t end = bench_now();
	return (double)(end - start);
}

/* Of the same kind as the library does after a load: it asks for the id and tag. */
static double load_bare(void *context) {
	(void)context;
	uint64_t start = bench_now();
	int fd = (int)__real_syscall(SYS_bpf, BPF_PROG_LOAD, &observed.attributes, observed.size);
	if (fd < 0)
		bench_fail("the bare BPF_PROG_LOAD: %s", strerror(errno));
	close(fd);
	return (double)(bench_now() - start);
}

static double load_by_libbpf(void *context) {
	(void)context;
	uint64_t start = bench_now();
	LIBBPF_OPTS(bpf_object_open_opts, options, .pin_root_path = PIN_DIRECTORY);
	struct bpf_object *object = bpf_object__open_mem(pod.patched, pod.patched_length, &options);
	if (!object || bpf_object__load(object))
		bench_fail("libbpf does not load the patched object");
	bpf_object__close(object);
	return (double)(bench_now() - start);
}

static double compile_by_clang(void *context) {
	char *const *command = context;
	pid_t child;
	int status;
	uint64_t start = bench_now();
	if (posix_spawnp(&child, command[0], NULL, NULL, command, environ) || waitpid(child, &status, 0) < 0 || status)
		bench_fail("clang does not compile pod.bpf.c");
	return (double)(bench_now() - start);
}

static int be_silent(enum libbpf_print_level level, const char *format, va_list arguments) {
	(void)level, (void)format, (void)arguments;
	return 0;
}

static void set_up(void) {
	const struct vpc_prepare_options options = {.size = sizeof options, .direction = VPC_INGRESS, .pin_directory = PIN_DIRECTORY};
	struct vpc_error error;
	libbpf_set_print(be_silent);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		bench_fail("a bpffs of its own: %s", strerror(errno));
	if (vpc_template_open_builtin("pod", NULL, &pod.template, &error) < 0 || vpc_template_prepare(pod.template, &options, &error) < 0)
		bench_fail("%s", error.text);
	set("pod_ipv4=10.0.0.2");
	set("encapsulation=1");
	set("network_id=4097");
	set("pod_mac=02:00:00:00:00:01");
	set("pod_ipv6=fd00::2");
	set("underlay_ifindex=7");
	set("mtu=1450");
	if (vpc_template_patch(pod.template, pod.settings, pod.count, &pod.patched, &pod.patched_length, &error) < 0)
		bench_fail("%s", error.text);
	observing = 1;
}

static void compare_with_bare(void) {
	enum { ROUNDS = 2000 };
	double (*const functions[])(void *) = {load_instance, load_bare};
	struct bench_samples samples[2];
	load_instance(NULL);
	bench_interleave(functions, NULL, 2, 50, ROUNDS, samples);
	bench_print_comparison("instance: copy, patch, load, close / bare BPF_PROG_LOAD", "us", 1000, &samples[0], &samples[1], 1.05, BENCH_AT_MOST);
}

/* Everything up to the system call, which is not made; nor is anything that would follow a failure. */
static double patch_only(void *context) {
	struct vpc_instance *instance;
	static uint64_t start;
	(void)context;
	next_pod();
	start = bench_now();
	if (!setjmp(stop)) {
		vpc_instance_load(pod.template, "from_pod", pod.settings, pod.count, &instance, NULL);
		bench_fail("the library returned without asking for a program");
	}
	return (double)(observed.entered - start);
}

static void measure_patch(void) {
	double (*const functions[])(void *) = {patch_only};
	struct bench_samples samples;
	stopping = 1;
	bench_interleave(functions, NULL, 1, 50, 2000, &samples);
	stopping = 0;
	struct bench_row row = {.name = "instance: check, copy and patch alone", .unit = "us", .value = bench_percentile(&samples, 0.5) / 1000,
		.baseline = BENCH_NONE, .ratio = BENCH_NONE, .target = 1, .goal = BENCH_AT_MOST,
		.spread_low = bench_percentile(&samples, 0.25) / 1000, .spread_high = bench_percentile(&samples, 0.75) / 1000};
	bench_print(&row);
}

/* A node that compiles nothing has warm caches: clang's run must not count against the instance. */
static double load_instance_warm(void *context) {
	load_instance(context);
	return load_instance(context);
}

static void compare_with_others(char **command) {
	double (*const libbpf[])(void *) = {load_by_libbpf, load_instance_warm};
	double (*const clang[])(void *) = {compile_by_clang, load_instance_warm};
	struct bench_samples samples[2];
	bench_interleave(libbpf, NULL, 2, 5, 200, samples);
	bench_print_comparison("libbpf open and load / instance", "us", 1000, &samples[0], &samples[1], 2, BENCH_AT_LEAST);
	bench_interleave(clang, command, 2, 1, 10, samples);
	bench_print_comparison("clang for each Pod / instance", "us", 1000, &samples[0], &samples[1], 300, BENCH_AT_LEAST);
}

/* Arguments: the command that compiles pod.bpf.c. */
int main(int argc, char **argv) {
	if (argc < 2)
		bench_fail("usage: bench_instance CLANG ARGUMENT...");
	set_up();
	compare_with_bare();
	measure_patch();
	compare_with_others(argv + 1);
	vpc_template_free(pod.template);
	free(pod.patched);
	return 0;
}
