// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cleanup.h"
#include "datapath_internal.h"

#define FROM_POD "from_pod" /* at ingress of the host side: what the Pod sends */
#define TO_POD "to_pod"     /* at egress */

uint64_t vpc_nanoseconds(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int load(struct vpc_datapath *datapath, const struct vpc_pod *pod, const char *program, struct vpc_instance **ret_instance,
	struct vpc_error *error) {
	struct vpc_pod_values values;
	vpc_pod_values_make(datapath, pod, program, &values);
	return vpc_instance_load(datapath->pod, program, values.settings, values.count, ret_instance, error);
}

/* The network's copy of to_pod, which stays the table's. */
static int get_to_pod(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_instance **ret_instance, struct vpc_error *error) {
	struct vpc_to_pods *all = &datapath->to_pods;
	uint32_t network = vpc_network_key(pod->encapsulation, pod->network_id);
	for (size_t i = 0; i < all->count; i++)
		if (all->list[i].network == network) {
			*ret_instance = all->list[i].instance;
			return 0;
		}
	if (all->count == all->capacity) {
		size_t capacity = all->capacity ? all->capacity * 2 : 8;
		struct vpc_to_pod *list = reallocarray(all->list, capacity, sizeof *list);
		if (!list)
			return vpc_fail(error, -ENOMEM, "no memory for the program of another network");
		all->list = list;
		all->capacity = capacity;
	}
	int result = load(datapath, pod, TO_POD, ret_instance, error);
	if (!result)
		all->list[all->count++] = (struct vpc_to_pod){network, *ret_instance};
	return result;
}

void vpc_to_pods_delete(struct vpc_to_pods *to_pods, uint32_t network) {
	for (size_t i = 0; i < to_pods->count; i++)
		if (to_pods->list[i].network == network) {
			vpc_instance_free(to_pods->list[i].instance);
			to_pods->list[i] = to_pods->list[--to_pods->count];
			return;
		}
}

void vpc_to_pods_free(struct vpc_to_pods *to_pods) {
	for (size_t i = 0; i < to_pods->count; i++)
		vpc_instance_free(to_pods->list[i].instance);
	free(to_pods->list);
	*to_pods = (struct vpc_to_pods){0};
}

/* A Pod waits for its network: without the RCU grace period that the kernel takes for each new program on tcx. */
static struct vpc_attach_options quick_options(const struct vpc_datapath *datapath) {
	struct vpc_attach_options options = vpc_datapath_attach_options(datapath);
	options.hook = VPC_HOOK_QUICK;
	return options;
}

/* One at each direction, both under one lock. */
static int attach_both(struct vpc_datapath *datapath, uint32_t ifindex, const struct vpc_instance *ingress, const struct vpc_instance *egress,
	struct vpc_error *error) {
	const struct vpc_attach_options options = quick_options(datapath);
	struct vpc_session *session = &datapath->session;
	int result = vpc_session_begin(session, options.pin_directory, VPC_PINS_MAKE, error);
	if (result)
		return result;
	result = vpc_session_attach(session, ingress, ifindex, VPC_INGRESS, &options, error);
	result = result ?: vpc_session_attach(session, egress, ifindex, VPC_EGRESS, &options, error);
	if (result)
		vpc_session_remove_empty(session);
	vpc_session_end(session);
	return result;
}

int vpc_pod_put_programs(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_timing *timing, struct vpc_error *error) {
	struct vpc_instance *from_pod = NULL, *to_pod = NULL;
	uint64_t start = vpc_nanoseconds();
	int result = load(datapath, pod, FROM_POD, &from_pod, error);
	result = result ?: get_to_pod(datapath, pod, &to_pod, error);
	uint64_t loaded = vpc_nanoseconds(), patch = result ? 0 : vpc_instance_patch_time(from_pod);
	result = result ?: attach_both(datapath, pod->ifindex, from_pod, to_pod, error);
	vpc_instance_free(from_pod);
	timing->patch += patch;
	timing->load += loaded - start - patch;
	timing->attach += vpc_nanoseconds() - loaded;
	return result;
}

static int check(struct vpc_datapath *datapath, const struct vpc_pod *pod, const char *program, enum vpc_direction direction,
	struct vpc_error *error) {
	const struct vpc_attach_options options = vpc_datapath_attach_options(datapath);
	struct vpc_attachment attachment;
	struct vpc_pod_values values;
	char interface[VPC_INTERFACE_TEXT];
	int result = vpc_session_check(&datapath->session, pod->ifindex, direction, &options, &attachment, error);
	if (result)
		return result;
	vpc_pod_values_make(datapath, pod, program, &values);
	if (!vpc_attachment_has(&attachment, datapath->pod, program, values.settings, values.count))
		return vpc_fail(error, -ESTALE, "%s of interface %s: program %s stands there with '%s', which is not %s of this Pod; put the Pod again",
			vpc_direction_name(direction), vpc_interface_text(pod->ifindex, interface), attachment.program, attachment.values, program);
	return 0;
}

int vpc_pod_check_programs(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error) {
	int result = vpc_session_begin(&datapath->session, datapath->pin_directory, VPC_PINS_SHARED, error);
	if (result)
		return result;
	result = check(datapath, pod, FROM_POD, VPC_INGRESS, error);
	result = result ?: check(datapath, pod, TO_POD, VPC_EGRESS, error);
	vpc_session_end(&datapath->session);
	return result;
}

int vpc_pod_confine_programs(struct vpc_datapath *datapath, uint32_t ifindex, struct vpc_error *error) {
	int result = datapath->confined ? 0 : vpc_instance_load(datapath->confine, "confine", NULL, 0, &datapath->confined, error);
	return result ?: attach_both(datapath, ifindex, datapath->confined, datapath->confined, error);
}

int vpc_pod_delete_programs(struct vpc_datapath *datapath, uint32_t ifindex, struct vpc_error *error) {
	const struct vpc_attach_options options = vpc_datapath_attach_options(datapath);
	struct vpc_session *session = &datapath->session;
	int result = vpc_session_begin(session, options.pin_directory, VPC_PINS_CHANGE, error);
	if (result)
		return result == -ENOENT ? 0 : result;
	for (enum vpc_direction direction = VPC_INGRESS; direction <= VPC_EGRESS && !result; direction++) {
		result = vpc_session_detach(session, ifindex, direction, &options, error);
		result = result == -ENOENT ? 0 : result;
	}
	vpc_session_remove_empty(session);
	vpc_session_end(session);
	return result;
}
