// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "datapath_migration.h"

static const char *const STEPS[VPC_STEPS] = {
	[VPC_STEP_NO_IP] = "step_no_ip",
	[VPC_STEP_ND] = "step_nd",
	[VPC_STEP_OUTSIDE] = "step_outside",
	[VPC_STEP_TOO_BIG] = "step_too_big",
	[VPC_STEP_INTO_POD] = "step_into_pod",
	[VPC_STEP_DROP] = "step_drop",
};

_Static_assert(VPC_STEPS <= sizeof((struct vpc_node_state *)0)->step_ids / sizeof(uint32_t), "node state is too small");
_Static_assert((int)VPC_MAP_COUNT <= (int)(sizeof((struct vpc_node_state *)0)->map_ids / sizeof(uint32_t)), "node state is too small");

static const uint32_t FIRST = 0;

static int read_state(const struct vpc_datapath *datapath, struct vpc_node_state *ret_state, struct vpc_error *error) {
	if (bpf_map_lookup_elem(datapath->state_fd, &FIRST, ret_state))
		return vpc_fail(error, -errno, "map node: reading: %s", strerror(errno));
	return 0;
}

static int write_state(const struct vpc_datapath *datapath, const struct vpc_node_state *state, struct vpc_error *error) {
	if (bpf_map_update_elem(datapath->state_fd, &FIRST, state, BPF_ANY))
		return vpc_fail(error, -errno, "map node: writing: %s", strerror(errno));
	return 0;
}

int vpc_datapath_open_state(struct vpc_datapath *datapath, struct vpc_error *error) {
	char path[VPC_PIN_PATH];
	struct vpc_node_state state;
	snprintf(path, sizeof path, "%s/node", datapath->pin_directory);
	_cleanup_(close_fd) int fd = vpc_bpf_get(path);
	if (fd == -ENOENT) {
		fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "node", sizeof FIRST, sizeof state, 1, NULL);
		if (fd < 0)
			return vpc_fail(error, -errno, "map node cannot be made: %s", strerror(errno));
		int result = vpc_bpf_pin(fd, path);
		if (result)
			return vpc_fail(error, result, "map node cannot be pinned at %s: %s", path, strerror(-result));
	}
	if (fd < 0)
		return vpc_fail(error, fd, "%s: %s", path, strerror(-fd));
	datapath->state_fd = steal_fd(&fd);
	int result = read_state(datapath, &state, error);
	for (size_t i = 0; i < VPC_MAP_COUNT && !result; i++)
		datapath->maps_are_new |= state.map_ids[i] != datapath->maps[i].id;
	return result;
}

static bool step_stands(const struct vpc_datapath *datapath, const struct vpc_node_state *state, uint32_t step) {
	uint32_t id = 0;
	return !datapath->maps_are_new && strncmp(state->steps_hash, vpc_template_hash(datapath->steps), sizeof state->steps_hash) == 0 &&
		bpf_map_lookup_elem(datapath->maps[VPC_MAP_steps].fd, &step, &id) == 0 && id && id == state->step_ids[step];
}

static void free_instances(struct vpc_instance *(*instances)[VPC_STEPS]) {
	for (size_t i = 0; i < VPC_STEPS; i++)
		vpc_instance_free((*instances)[i]);
}

static int put_step(struct vpc_datapath *datapath, struct vpc_node_state *state, uint32_t step, const struct vpc_instance *instance,
	struct vpc_error *error) {
	int fd = vpc_instance_fd(instance);
	if (bpf_map_update_elem(datapath->maps[VPC_MAP_steps].fd, &step, &fd, BPF_ANY))
		return vpc_map_fail(&datapath->maps[VPC_MAP_steps], -errno, STEPS[step], error);
	state->step_ids[step] = vpc_instance_id(instance);
	return vpc_migration_put_step(datapath, step, fd, error);
}

/* Each slot is exchanged on its own, one right after the other; no packet finds one empty. */
static int put_steps(struct vpc_datapath *datapath, struct vpc_error *error) {
	_cleanup_(free_instances) struct vpc_instance *loaded[VPC_STEPS] = {NULL};
	struct vpc_node_state state;
	int changed = 0, result = read_state(datapath, &state, error);
	for (uint32_t step = 0; step < VPC_STEPS && !result; step++)
		if (!step_stands(datapath, &state, step)) {
			result = vpc_instance_load(datapath->steps, STEPS[step], NULL, 0, &loaded[step], error);
			changed++;
		}
	if (result || !changed)
		return result;
	result = vpc_migration_catch_up(datapath, error);
	for (uint32_t step = 0; step < VPC_STEPS && !result; step++)
		result = loaded[step] ? put_step(datapath, &state, step, loaded[step], error) : 0;
	result = result ?: vpc_migration_catch_up(datapath, error);
	if (result)
		return result;
	snprintf(state.steps_hash, sizeof state.steps_hash, "%s", vpc_template_hash(datapath->steps));
	result = write_state(datapath, &state, error);
	return result ?: changed;
}

/* Notes the maps last: until then a process that dies leaves all to be loaded again. */
static int note_maps(struct vpc_datapath *datapath, struct vpc_error *error) {
	struct vpc_node_state state;
	int result = datapath->maps_are_new ? read_state(datapath, &state, error) : 0;
	if (result || !datapath->maps_are_new)
		return result;
	for (size_t i = 0; i < VPC_MAP_COUNT; i++)
		state.map_ids[i] = datapath->maps[i].id;
	result = write_state(datapath, &state, error);
	datapath->maps_are_new = result != 0;
	return result;
}

static int put_program(struct vpc_datapath *datapath, const char *program, uint32_t ifindex, const struct vpc_setting *settings, size_t count,
	struct vpc_error *error) {
	const struct vpc_attach_options options = vpc_datapath_attach_options(datapath);
	struct vpc_attachment attachment;
	if (!datapath->maps_are_new && vpc_attachment_check(ifindex, VPC_INGRESS, &options, &attachment, NULL) == 0 &&
		vpc_attachment_has(&attachment, datapath->node, program, settings, count))
		return 0;
	struct vpc_instance *instance = NULL;
	int result = vpc_instance_load(datapath->node, program, settings, count, &instance, error);
	result = result ?: vpc_attach(instance, ifindex, VPC_INGRESS, &options, error);
	vpc_instance_free(instance);
	return result ?: 1;
}

int vpc_datapath_put_node(struct vpc_datapath *datapath, struct vpc_error *error) {
	const struct vpc_parameter *port = vpc_template_find_parameter(datapath->node, "node_udp_port");
	struct vpc_setting setting = {.name = "node_udp_port", .value.width = sizeof(uint32_t)};
	uint32_t udp_port = datapath->udp_port;
	memcpy(setting.value.bytes, &udp_port, sizeof udp_port);
	bool is_default = port && port->has_default && memcmp(&port->default_value.bytes, &udp_port, sizeof udp_port) == 0;

	int steps = put_steps(datapath, error);
	int vxlan = steps < 0 ? steps : put_program(datapath, "from_vxlan", datapath->vxlan_ifindex, NULL, 0, error);
	int trunk = vxlan < 0 ? vxlan : put_program(datapath, "from_trunk", datapath->uplink_ifindex, &setting, !is_default, error);
	int result = trunk < 0 ? trunk : note_maps(datapath, error);
	return result < 0 ? result : steps + vxlan + trunk;
}
