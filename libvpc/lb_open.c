// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lb_internal.h"

#define DEFAULT_PIN_DIRECTORY "/sys/fs/bpf/libvpc"
#define OWNER "lb"

/* Of a new balancer. */
enum { NEW_FLOWS_A_SECOND = 100000, TOO_BIG_A_SECOND = 1000 };

int vpc_lb_find_place(const char *kind, const char *interface, const char *pin_directory, uint32_t *ret_ifindex,
		char ret_directory[static 256], char ret_attach_directory[static 256], struct vpc_error *error) {
	struct stat status;
	uint32_t ifindex = interface ? if_nametoindex(interface) : 0;
	if (!interface)
		return vpc_fail(error, -EINVAL, "interface: there is no name of one");
	if (ifindex == 0)
		return vpc_fail(error, -ENODEV, "%.64s: no such interface in this network namespace; 'ip link' lists them", interface);
	if (stat("/proc/thread-self/ns/net", &status))
		return vpc_fail(error, -errno, "/proc/thread-self/ns/net: %s; is /proc mounted?", strerror(errno));
	if (pin_directory && strlen(pin_directory) > 128)
		return vpc_fail(error, -EINVAL, "pin directory %.64s...: a path of at most 128 bytes is possible", pin_directory);
	snprintf(ret_directory, 256, "%s/%s-v%d/%" PRIu32 "@%" PRIu64, pin_directory ?: DEFAULT_PIN_DIRECTORY, kind, LB_LAYOUT_VERSION,
		ifindex, (uint64_t)status.st_ino);
	snprintf(ret_attach_directory, 256, "%s", pin_directory ?: vpc_pins_default());
	*ret_ifindex = ifindex;
	return 0;
}

void vpc_lb_remove_pins(const struct vpc_pins *pins) {
	int fd = dup(pins->fd);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	if (!directory) {
		close_fd(&fd);
		return;
	}
	rewinddir(directory);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			unlinkat(pins->fd, entry->d_name, 0);
	closedir(directory);
	vpc_pins_remove_empty(pins);
}

int vpc_lb_map_failed(const struct vpc_lb *lb, const char *map, int code, struct vpc_error *error) {
	return vpc_fail(error, code, "balancer on %s: map %s: %s%s", lb->interface, map, strerror(-code),
		code == -ENOMEM ? "; the kernel has no memory for it: remember fewer connections" : "");
}

int vpc_lb_lock(struct vpc_lb *lb, struct vpc_error *error) {
	int result = vpc_pins_lock_again(&lb->pins, VPC_PINS_CHANGE, error);
	if (result == 1)
		return vpc_fail(error, -ESTALE, "the balancer on %s was removed by another process", lb->interface);
	return result;
}

static void *map_memory(const struct vpc_lb *lb, const char *map, size_t size, struct vpc_error *error) {
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vpc_template_map_fd(lb->template, map), 0);
	if (memory != MAP_FAILED)
		return memory;
	vpc_lb_map_failed(lb, map, -errno, error);
	return NULL;
}

static int open_maps(struct vpc_lb *lb, struct vpc_error *error) {
	const struct vpc_prepare_options options = {.size = sizeof options, .direction = VPC_XDP, .pin_directory = lb->directory};
	int result = vpc_template_open_builtin("lb", NULL, &lb->template, error);
	if (result == 0)
		result = vpc_template_prepare(lb->template, &options, error);
	if (result < 0)
		return result;
	const struct {
		const char *name;
		int *fd;
	} MAPS[] = {{"vips4", &lb->vips4}, {"vips6", &lb->vips6}, {"connections4", &lb->connections4}, {"connections6", &lb->connections6},
		{"tables", &lb->tables}, {"backends", &lb->backends_fd}, {"traffic", &lb->traffic}, {"counts", &lb->counts}, {"settings", &lb->settings}};
	for (size_t i = 0; i < sizeof MAPS / sizeof *MAPS; i++)
		*MAPS[i].fd = vpc_template_map_fd(lb->template, MAPS[i].name);
	lb->vips = map_memory(lb, "vip_records", LB_VIPS * sizeof *lb->vips, error);
	lb->backends = map_memory(lb, "backend_records", LB_BACKENDS * sizeof *lb->backends, error);
	return lb->vips && lb->backends ? 0 : -errno;
}

/* Of a balancer that was never opened before, all settings are zero. */
static int set_defaults(const struct vpc_lb *lb, struct vpc_error *error) {
	struct lb_settings settings;
	uint32_t zero = 0;
	int result = bpf_map_lookup_elem(lb->settings, &zero, &settings) ? -errno : 0;
	if (result == 0 && settings.too_big_a_second == 0) {
		settings = (struct lb_settings){.new_flows_a_second = NEW_FLOWS_A_SECOND, .too_big_a_second = TOO_BIG_A_SECOND};
		result = bpf_map_update_elem(lb->settings, &zero, &settings, BPF_ANY) ? -errno : 0;
	}
	return result ? vpc_lb_map_failed(lb, "settings", result, error) : 0;
}

static void free_lb(struct vpc_lb **lb) {
	vpc_lb_free(*lb);
}

int vpc_lb_open(const struct vpc_lb_options *options, struct vpc_lb **ret_lb, struct vpc_error *error) {
	_cleanup_(free_lb) struct vpc_lb *lb = calloc(1, sizeof *lb);
	if (!options || !options->interface)
		return vpc_fail(error, -EINVAL, "balancer: the interface is missing");
	if (!lb)
		return vpc_fail(error, -ENOMEM, "balancer on %.64s: no memory", options->interface);
	lb->pins = (struct vpc_pins)VPC_PINS_CLOSED;
	snprintf(lb->interface, sizeof lb->interface, "%s", options->interface);
	int result = vpc_lb_find_place("lb", options->interface, options->pin_directory, &lb->ifindex, lb->directory, lb->attach_directory, error);
	result = result ?: vpc_pins_open(lb->directory, options->must_exist ? VPC_PINS_CHANGE : VPC_PINS_MAKE, &lb->pins, error);
	if (result == -ENOENT)
		return vpc_fail(error, -ENOENT, "there is no balancer on %s; 'vpcctl lb run' starts one", lb->interface);
	result = result ?: open_maps(lb, error);
	result = result ?: set_defaults(lb, error);
	if (result)
		return result;
	vpc_pins_unlock(&lb->pins);
	*ret_lb = lb;
	lb = NULL;
	return 0;
}

struct vpc_lb *vpc_lb_free(struct vpc_lb *lb) {
	if (!lb)
		return NULL;
	if (lb->vips)
		munmap(lb->vips, LB_VIPS * sizeof *lb->vips);
	if (lb->backends)
		munmap(lb->backends, LB_BACKENDS * sizeof *lb->backends);
	vpc_template_free(lb->template);
	vpc_pins_close(&lb->pins);
	free(lb);
	return NULL;
}

int vpc_lb_attach(struct vpc_lb *lb, enum vpc_hook hook, struct vpc_error *error) {
	const struct vpc_attach_options options = {.size = sizeof options, .hook = hook, .pin_directory = lb->attach_directory, .owner = OWNER};
	struct vpc_instance *instance = NULL;
	LB_LOCKED(lb, error);
	int result = vpc_instance_load(lb->template, "balance", NULL, 0, &instance, error);
	if (result == 0)
		result = vpc_attach(instance, lb->ifindex, VPC_XDP, &options, error);
	vpc_instance_free(instance);
	return result < 0 ? result : 0;
}

int vpc_lb_destroy(const struct vpc_lb_options *options, struct vpc_error *error) {
	char directory[256], attach_directory[256];
	struct vpc_pins pins = VPC_PINS_CLOSED;
	uint32_t ifindex;
	if (!options)
		return vpc_fail(error, -EINVAL, "balancer: the interface is missing");
	int result = vpc_lb_find_place("lb", options->interface, options->pin_directory, &ifindex, directory, attach_directory, error);
	if (result)
		return result;
	const struct vpc_attach_options attach = {.size = sizeof attach, .pin_directory = attach_directory, .owner = OWNER};
	result = vpc_pins_open(directory, VPC_PINS_CHANGE, &pins, error);
	if (result == -ENOENT)
		return vpc_fail(error, -ENOENT, "there is no balancer on %s", options->interface);
	if (result)
		return result;
	result = vpc_detach(ifindex, VPC_XDP, &attach, error);
	if (result == 0 || result == -ENOENT) {
		vpc_lb_remove_pins(&pins);
		result = 0;
	}
	vpc_pins_close(&pins);
	return result;
}
