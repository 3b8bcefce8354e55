// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "datapath_internal.h"
#include "datapath_layout.h"
#include "datapath_migration.h"

#define DEFAULT_VXLAN_DEVICE "libvpc-vxlan"
#define DEFAULT_UDP_PORT 14789
#define VXLAN_OVERHEAD_IPV4 50 /* inner Ethernet, VXLAN, UDP, IPv4 */

struct vpc_attach_options vpc_datapath_attach_options(const struct vpc_datapath *datapath) {
	return (struct vpc_attach_options){
		.size = sizeof(struct vpc_attach_options),
		.pin_directory = datapath->pin_directory,
		.owner = VPC_DATAPATH_OWNER,
	};
}

static int read_options(struct vpc_datapath *datapath, const struct vpc_datapath_options *options, struct vpc_datapath_options *ret_options,
	struct vpc_error *error) {
	struct vpc_datapath_options known = {.size = sizeof known};
	if (options->size < sizeof options->size)
		return vpc_fail(error, -EINVAL, "options.size is not set; set it to sizeof");
	memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
	known.vxlan_device = known.vxlan_device ? known.vxlan_device : DEFAULT_VXLAN_DEVICE;
	if (!known.vxlan_device[0] || strlen(known.vxlan_device) >= sizeof datapath->vxlan_device)
		return vpc_fail(error, -EINVAL, "'%s' is no name of a device: 1 to %zu characters", known.vxlan_device, sizeof datapath->vxlan_device - 1);
	if (vpc_is_zero(known.underlay, sizeof known.underlay))
		return vpc_fail(error, -EINVAL, "the node has no underlay address");
	datapath->udp_port = known.udp_port ? known.udp_port : DEFAULT_UDP_PORT;
	datapath->uplink_ifindex = known.uplink_ifindex;
	memcpy(datapath->underlay, known.underlay, sizeof datapath->underlay);
	snprintf(datapath->vxlan_device, sizeof datapath->vxlan_device, "%s", known.vxlan_device);
	*ret_options = known;
	return 0;
}

static int read_uplink(struct vpc_datapath *datapath, struct vpc_error *error) {
	struct vpc_link uplink;
	if (datapath->uplink_ifindex == 0)
		return vpc_fail(error, -EINVAL, "0 is no index of an uplink");
	int result = vpc_link_get(datapath->uplink_ifindex, NULL, &uplink, error);
	if (result)
		return result;
	if (uplink.mtu < 1280 + VXLAN_OVERHEAD_IPV4)
		return vpc_fail(error, -EINVAL, "uplink %s has an MTU of %" PRIu32 "; a VPC needs at least %d", uplink.name, uplink.mtu, 1280 + VXLAN_OVERHEAD_IPV4);
	datapath->uplink = uplink;
	return 0;
}

/* The directory is locked against other processes while maps are found or made in it. */
static int open_pins(struct vpc_datapath *datapath, const struct vpc_datapath_options *options, struct vpc_error *error) {
	struct vpc_pins pins = VPC_PINS_CLOSED;
	int result = vpc_migration_begin(datapath, options, error);
	result = result ?: vpc_pins_open(options->pin_directory, VPC_PINS_MAKE, &pins, error);
	if (result)
		return result;
	snprintf(datapath->pin_directory, sizeof datapath->pin_directory, "%s", pins.directory);
	datapath->made_pins = !vpc_datapath_has_pins(datapath);
	result = vpc_migration_confirm(datapath, options, error);
	result = result ?: vpc_datapath_open_maps(datapath, options->flow_entries, error);
	result = result ?: vpc_datapath_open_state(datapath, error);
	vpc_pins_close(&pins);
	return result;
}

static int put_device(struct vpc_datapath *datapath, struct vpc_error *error) {
	return vpc_vxlan_device_put(datapath->vxlan_device, datapath->udp_port, !vpc_is_mapped_ipv4(datapath->underlay), &datapath->vxlan_ifindex, error);
}

static int make_ready(struct vpc_datapath *datapath, const struct vpc_datapath_options *options, struct vpc_error *error) {
	struct vpc_link present;
	int result = read_uplink(datapath, error);
	result = result ?: open_pins(datapath, options, error);
	if (result)
		return result;
	result = vpc_datapath_read_pods(datapath, error);
	for (size_t i = 0; i < datapath->pods.count; i++)
		datapath->pods.list[i].is_stale = datapath->maps_are_new;
	if (result)
		return result;
	datapath->made_device = vpc_link_get(0, datapath->vxlan_device, &present, NULL) == -ENODEV;
	result = put_device(datapath, error);
	if (result >= 0)
		result = vpc_datapath_put_node(datapath, error);
	return result < 0 ? result : vpc_migration_end(datapath, error);
}

/* Takes away what an open that failed has made. What stood before it stays: Pods may depend on it. */
static void undo(struct vpc_datapath *datapath) {
	const struct vpc_attach_options options = vpc_datapath_attach_options(datapath);
	if (datapath->made_device && datapath->vxlan_ifindex) {
		vpc_detach(datapath->vxlan_ifindex, VPC_INGRESS, &options, NULL);
		vpc_vxlan_device_delete(datapath->vxlan_device, NULL);
	}
	if (datapath->made_pins)
		vpc_datapath_unpin_maps(datapath);
}

int vpc_datapath_open(const struct vpc_datapath_options *options, struct vpc_datapath **ret_datapath, struct vpc_error *error) {
	struct vpc_datapath_options known = {0};
	struct vpc_datapath *datapath = calloc(1, sizeof *datapath);
	if (!datapath)
		return vpc_fail(error, -ENOMEM, "no memory for a datapath");
	datapath->state_fd = -1;
	datapath->session = (struct vpc_session)VPC_SESSION_CLOSED;
	int result = read_options(datapath, options, &known, error);
	if (result >= 0)
		result = make_ready(datapath, &known, error);
	if (result < 0) {
		undo(datapath);
		vpc_datapath_free(datapath);
		return result;
	}
	*ret_datapath = datapath;
	return 0;
}

struct vpc_datapath *vpc_datapath_free(struct vpc_datapath *datapath) {
	if (!datapath)
		return NULL;
	vpc_migration_free(datapath);
	vpc_to_pods_free(&datapath->to_pods);
	vpc_session_close(&datapath->session);
	vpc_instance_free(datapath->confined);
	vpc_instance_free(datapath->forget_flow);
	vpc_template_free(datapath->pod);
	vpc_template_free(datapath->node);
	vpc_template_free(datapath->steps);
	vpc_template_free(datapath->confine);
	vpc_pod_table_free(&datapath->pods);
	vpc_entries_free(&datapath->sweep.tallies);
	close_fd(&datapath->state_fd);
	free(datapath);
	return NULL;
}

/* A list of the attachments of this datapath, to be changed while it is gone through. */
struct attachments {
	struct vpc_attachment *list;
	size_t count, capacity;
};

static void free_attachments(struct attachments *attachments) {
	free(attachments->list);
}

static int collect(const struct vpc_attachment *attachment, void *context) {
	struct attachments *all = context;
	if (strcmp(attachment->owner, VPC_DATAPATH_OWNER))
		return 0;
	if (all->count == all->capacity) {
		size_t capacity = all->capacity ? all->capacity * 2 : 16;
		struct vpc_attachment *list = reallocarray(all->list, capacity, sizeof *list);
		if (!list)
			return -ENOMEM;
		all->list = list;
		all->capacity = capacity;
	}
	all->list[all->count++] = *attachment;
	return 0;
}

static int detach_all(struct vpc_datapath *datapath, struct vpc_error *error) {
	_cleanup_(free_attachments) struct attachments all = {0};
	const struct vpc_attach_options options = vpc_datapath_attach_options(datapath);
	int result = vpc_attachment_each(&options, collect, &all, error);
	for (size_t i = 0; i < all.count && !result; i++) {
		result = vpc_detach(all.list[i].ifindex, all.list[i].direction, &options, error);
		result = result == -ENOENT ? 0 : result;
	}
	return result;
}

int vpc_datapath_remove(struct vpc_datapath *datapath, struct vpc_error *error) {
	int result = 0;
	while (datapath->pods.count && !result) {
		struct vpc_pod pod = datapath->pods.list[datapath->pods.count - 1].pod;
		result = vpc_datapath_delete_pod(datapath, &pod, error);
	}
	result = result ?: detach_all(datapath, error);
	result = result ?: vpc_vxlan_device_delete(datapath->vxlan_device, error);
	if (!result)
		vpc_datapath_unpin_maps(datapath);
	return result;
}

int vpc_datapath_repair(struct vpc_datapath *datapath, struct vpc_error *error) {
	int result = read_uplink(datapath, error);
	result = result ?: vpc_layout_check(datapath->pin_directory, error); /* another version may have taken over */
	int pins = result ?: vpc_datapath_repair_pins(datapath, error);
	int device = pins < 0 ? pins : put_device(datapath, error);
	int node = device < 0 ? device : vpc_datapath_put_node(datapath, error);
	return node < 0 ? node : pins + device + node;
}
