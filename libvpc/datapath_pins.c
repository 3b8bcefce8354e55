// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "datapath_conversion.h"
#include "datapath_internal.h"

#define AS_NAME(name_) #name_,
static const char *const NAMES[VPC_MAP_COUNT] = {VPC_DATAPATH_MAPS(AS_NAME)};

const char *vpc_datapath_map_name(size_t map) {
	return NAMES[map];
}

static void map_path(const struct vpc_datapath *datapath, const char *name, char path[VPC_PIN_PATH]) {
	snprintf(path, VPC_PIN_PATH, "%s/%s", datapath->pin_directory, name);
}

/* A map that is pinned already keeps its size, whatever is asked for. */
static uint32_t size_of_flows(const struct vpc_datapath *datapath, uint32_t asked) {
	char path[VPC_PIN_PATH];
	struct vpc_map map;
	map_path(datapath, NAMES[VPC_MAP_flows], path);
	_cleanup_(close_fd) int fd = vpc_bpf_get(path);
	return fd >= 0 && vpc_map_describe(NAMES[VPC_MAP_flows], fd, &map, NULL) == 0 ? map.max_entries : asked;
}

static int prepare(struct vpc_datapath *datapath, const char *name, uint32_t flow_entries, struct vpc_template **ret_template,
	struct vpc_error *error) {
	const struct vpc_map_size size = {NAMES[VPC_MAP_flows], flow_entries};
	const struct vpc_prepare_options options = {
		.size = sizeof options,
		.direction = VPC_INGRESS,
		.pin_directory = datapath->pin_directory,
		.map_sizes = &size,
		.map_size_count = flow_entries ? 1 : 0,
	};
	struct vpc_template *template_ = NULL;
	int result = vpc_template_open_builtin(name, NULL, &template_, error);
	result = result ?: vpc_template_prepare(template_, &options, error);
	if (result) {
		vpc_template_free(template_);
		return result;
	}
	*ret_template = template_;
	return 0;
}

int vpc_datapath_open_maps(struct vpc_datapath *datapath, uint32_t flow_entries, struct vpc_error *error) {
	uint32_t entries = size_of_flows(datapath, flow_entries);
	int result = prepare(datapath, "pod", entries, &datapath->pod, error);
	result = result ?: prepare(datapath, "node", entries, &datapath->node, error);
	result = result ?: prepare(datapath, "steps", entries, &datapath->steps, error);
	result = result ?: prepare(datapath, "confine", entries, &datapath->confine, error);
	for (size_t i = 0; i < VPC_MAP_COUNT && !result; i++) {
		int fd = vpc_template_map_fd(datapath->pod, NAMES[i]);
		result = fd < 0 ? vpc_fail(error, fd, "map %s: %s", NAMES[i], strerror(-fd)) : vpc_map_describe(NAMES[i], fd, &datapath->maps[i], error);
	}
	return result;
}

/* The id of the map that is pinned there, 0 if there is none. */
static uint32_t pinned_id(const char *path, const char *name) {
	struct vpc_map map;
	_cleanup_(close_fd) int fd = vpc_bpf_get(path);
	return fd >= 0 && vpc_map_describe(name, fd, &map, NULL) == 0 ? map.id : 0;
}

static int repair_pin(const struct vpc_datapath *datapath, const char *name, int fd, uint32_t id, struct vpc_error *error) {
	char path[VPC_PIN_PATH];
	map_path(datapath, name, path);
	if (pinned_id(path, name) == id)
		return 0;
	if (unlink(path) && errno != ENOENT)
		return vpc_fail(error, -errno, "%s stands in the place of our map and cannot be removed: %s", path, strerror(errno));
	int result = vpc_bpf_pin(fd, path);
	return result ? vpc_fail(error, result, "map %s cannot be pinned again at %s: %s", name, path, strerror(-result)) : 1;
}

int vpc_datapath_repair_pins(struct vpc_datapath *datapath, struct vpc_error *error) {
	struct vpc_pins pins = VPC_PINS_CLOSED;
	struct vpc_map state;
	int repaired = 0, result = vpc_pins_open(datapath->pin_directory, VPC_PINS_MAKE, &pins, error);
	result = result ?: vpc_map_describe("node", datapath->state_fd, &state, error);
	if (!result)
		repaired = result = repair_pin(datapath, "node", state.fd, state.id, error);
	for (size_t i = 0; i < VPC_MAP_COUNT && result >= 0; i++) {
		result = repair_pin(datapath, NAMES[i], datapath->maps[i].fd, datapath->maps[i].id, error);
		repaired += result > 0;
	}
	vpc_pins_close(&pins);
	return result < 0 ? result : repaired;
}

bool vpc_datapath_has_pins(const struct vpc_datapath *datapath) {
	char path[VPC_PIN_PATH];
	map_path(datapath, "node", path);
	bool has_pins = access(path, F_OK) == 0;
	for (size_t i = 0; i < VPC_MAP_COUNT && !has_pins; i++) {
		map_path(datapath, NAMES[i], path);
		has_pins = access(path, F_OK) == 0;
	}
	return has_pins;
}

void vpc_datapath_unpin_maps(struct vpc_datapath *datapath) {
	struct vpc_pins pins = VPC_PINS_CLOSED;
	char path[VPC_PIN_PATH];
	if (vpc_pins_open(datapath->pin_directory, VPC_PINS_CHANGE, &pins, NULL))
		return;
	for (size_t i = 0; i < VPC_MAP_COUNT; i++) {
		map_path(datapath, NAMES[i], path);
		unlink(path);
	}
	map_path(datapath, "node", path);
	unlink(path);
	map_path(datapath, VPC_CONVERSION_PIN, path);
	unlink(path);
	vpc_pins_remove_empty(&pins);
	vpc_pins_close(&pins);
}
