// SPDX-License-Identifier: Apache-2.0
#include "scene.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "frame.h"

__attribute__((noreturn))
static void fail(const char *text) {
	fprintf(stderr, "scene: %s\n", text);
	exit(1);
}

void scene_shell(const char *format, ...) {
	char command[4096];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail(command);
}

static void make_room(void) {
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL)) {
		fprintf(stderr, "skipped: namespaces and a bpffs of its own: %s\n", strerror(errno));
		exit(77);
	}
	scene_shell("ip link set lo up && ip link add eth0 address 02:00:00:00:00:01 type veth peer name far && ip link set far up && ip link set eth0 up && "
				"ip address add 10.0.0.1/24 dev eth0 && ip address add 2001:db8:10::1/64 dev eth0 nodad && "
				"for n in $(seq 2 254); do h=$(printf %%x $n); "
				"echo neighbour add 10.0.0.$n lladdr 02:00:00:00:01:$h dev eth0; "
				"echo neighbour add 2001:db8:10::$h lladdr 02:00:00:00:01:$h dev eth0; done | ip -batch -");
}

/* The same maps as the balancer's, through its pins: a program of it that is not attached. */
static void load_program(const char *object, struct lb_scene *scene) {
	char directory[256];
	struct stat status;
	struct vpc_error error = {""};
	if (stat("/proc/self/ns/net", &status))
		fail("no /proc");
	snprintf(directory, sizeof directory, "/sys/fs/bpf/libvpc/lb-v1/%u@%llu", if_nametoindex("eth0"), (unsigned long long)status.st_ino);
	const struct vpc_prepare_options options = {.size = sizeof options, .direction = VPC_XDP, .pin_directory = directory};
	int result = object ? vpc_template_open_file(object, NULL, &scene->template, &error)
		: vpc_template_open_builtin("lb", NULL, &scene->template, &error);
	if (result < 0 || vpc_template_prepare(scene->template, &options, &error) < 0 ||
		vpc_instance_load(scene->template, "balance", NULL, 0, &scene->instance, &error) < 0)
		fail(error.text);
	scene->program = vpc_instance_fd(scene->instance);
}

void scene_make(const char *object, struct lb_scene *ret_scene) {
	const struct vpc_lb_options options = {.size = sizeof options, .interface = "eth0"};
	struct vpc_error error = {""};
	memset(ret_scene, 0, sizeof *ret_scene);
	make_room();
	int result = vpc_lb_open(&options, &ret_scene->lb, &error);
	if (result == -EPERM) {
		fprintf(stderr, "skipped: %s\n", error.text);
		exit(77);
	}
	if (result < 0)
		fail(error.text);
	load_program(object, ret_scene);
}

void scene_free(struct lb_scene *scene) {
	vpc_instance_free(scene->instance);
	vpc_template_free(scene->template);
	vpc_lb_free(scene->lb);
}

int scene_map(const struct lb_scene *scene, const char *name) {
	int fd = vpc_template_map_fd(scene->template, name);
	if (fd < 0)
		fail(name);
	return fd;
}

void scene_address(const char *text, uint8_t ret_address[16]) {
	memset(ret_address, 0, 16);
	ret_address[10] = ret_address[11] = 0xff;
	if (inet_pton(AF_INET, text, ret_address + 12) != 1 && inet_pton(AF_INET6, text, ret_address) != 1)
		fail(text);
}

struct vpc_lb_service scene_add_vip(struct lb_scene *scene, const char *text, uint32_t table_size, uint32_t connections, bool affinity) {
	struct vpc_lb_vip vip = {.table_size = table_size, .connections = connections, .affinity = affinity};
	struct vpc_error error = {""};
	if (vpc_lb_service_parse(text, &vip.service, &error) < 0 || vpc_lb_vip_add(scene->lb, &vip, &error) < 0)
		fail(error.text);
	return vip.service;
}

void scene_set_backend(struct lb_scene *scene, const struct vpc_lb_service *service, const char *address, uint32_t weight, bool draining) {
	struct vpc_lb_backend backend = {.weight = weight, .draining = draining};
	struct vpc_error error = {""};
	scene_address(address, backend.address);
	if (vpc_lb_backend_set(scene->lb, service, &backend, &error) < 0)
		fail(error.text);
}

uint32_t scene_send(const struct lb_scene *scene, const char *text, struct frame *ret_out) {
	struct frame in;
	frame_build(text, &in);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.bytes, .data_size_in = (uint32_t)in.length, .data_out = ret_out->bytes,
		.data_size_out = sizeof ret_out->bytes);
	if (bpf_prog_test_run_opts(scene->program, &options))
		fail(text);
	ret_out->length = options.data_size_out;
	return options.retval;
}
