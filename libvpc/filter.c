// SPDX-License-Identifier: Apache-2.0
/* A port filter that stands: its ports, counters and deadline. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "filter_place.h"

struct vpc_port_filter {
	uint32_t ifindex;
	char *pin_directory; /* NULL: another tool attached it */
	enum vpc_hook hook;
	uint32_t program_id;
	struct vpc_filter_maps maps;
};

#define NAME_AND_TEXT(name_, text_) {#name_, text_},
static const struct {
	const char *name, *text;
} VERDICTS[] = {VPC_FILTER_VERDICTS(NAME_AND_TEXT)};
_Static_assert((int)VPC_FILTER_FLAG_PUBLIC == VPC_PORT_PUBLIC && (int)VPC_FILTER_FLAG_SOCKET == VPC_PORT_SOCKET, "flags of the map are public");

struct vpc_port_filter *vpc_port_filter_free(struct vpc_port_filter *filter) {
	if (!filter)
		return NULL;
	vpc_filter_maps_close(&filter->maps);
	free(filter->pin_directory);
	free(filter);
	return NULL;
}

static void free_filter(struct vpc_port_filter **filter) {
	vpc_port_filter_free(*filter);
}

/* -ENOENT if we attached none, -ETIME if it was taken back now, since nobody had confirmed it. */
static int open_own(struct vpc_port_filter *filter, const char *pin_directory, struct vpc_error *error) {
	_cleanup_(vpc_session_close) struct vpc_session session = VPC_SESSION_CLOSED;
	struct vpc_attachment attachment;
	char path[VPC_FILTER_PATH], interface[VPC_INTERFACE_TEXT];

	int result = vpc_session_begin(&session, pin_directory, VPC_PINS_CHANGE, error);
	if (result)
		return result;
	result = vpc_filter_find(&session, filter->ifindex, &attachment, error);
	vpc_filter_maps_path(&session, filter->ifindex, path);
	result = result ?: vpc_filter_maps_open_pinned(path, &filter->maps, error);
	if (result == 0 && vpc_filter_settle(&filter->maps)) {
		vpc_filter_remove(&session, filter->ifindex, NULL);
		return vpc_fail(error, -ETIME, "the port filter of interface %s was not confirmed in time; there is none any more",
			vpc_interface_text(filter->ifindex, interface));
	}
	if (result) {
		vpc_session_remove_empty(&session);
		return result;
	}
	filter->hook = attachment.hook;
	filter->program_id = attachment.program_id;
	filter->pin_directory = strdup(pin_directory);
	return filter->pin_directory ? 0 : -ENOMEM;
}

/* -ENOENT without changing the error if XDP of the interface is free. */
static int open_foreign(struct vpc_port_filter *filter, struct vpc_error *error) {
	struct vpc_netlink netlink = {0};
	int result = vpc_netlink_xdp_program(&netlink, filter->ifindex, &filter->program_id);
	vpc_netlink_close(&netlink);
	if (result)
		return vpc_fail(error, result, "XDP of interface %u: %s", filter->ifindex, strerror(-result));
	if (!filter->program_id)
		return -ENOENT;
	return vpc_filter_maps_open_program(filter->program_id, &filter->maps, error);
}

int vpc_port_filter_open(uint32_t ifindex, const char *pin_directory, struct vpc_port_filter **ret_filter, struct vpc_error *error) {
	_cleanup_(free_filter) struct vpc_port_filter *filter = calloc(1, sizeof *filter);
	struct vpc_error own_error = {""};
	char interface[VPC_INTERFACE_TEXT];
	if (!filter)
		return vpc_fail(error, -ENOMEM, "port filter: %s", strerror(ENOMEM));
	filter->ifindex = ifindex;
	filter->maps = (struct vpc_filter_maps)VPC_FILTER_MAPS_CLOSED;
	int result = open_own(filter, vpc_filter_pin_directory(pin_directory), &own_error);
	if (result == -ETIME)
		return vpc_fail(error, -ENOENT, "%s", own_error.text);
	if (result && result != -ENOENT)
		return vpc_fail(error, result, "%s", own_error.text);
	result = result ? open_foreign(filter, error) : 0;
	if (result == -ENOENT)
		return vpc_fail(error, result, "no port filter is attached to interface %s", vpc_interface_text(ifindex, interface));
	if (result)
		return result;
	*ret_filter = filter;
	filter = NULL;
	return 0;
}

void vpc_port_filter_describe(const struct vpc_port_filter *filter, struct vpc_port_filter_state *ret_state) {
	const struct vpc_filter_settings *settings = filter->maps.settings;
	uint64_t left = vpc_filter_time_left(&filter->maps);
	*ret_state = (struct vpc_port_filter_state){
		.hook = filter->hook,
		.program_id = filter->program_id,
		.waits = left != UINT64_MAX,
		.time_left = left != UINT64_MAX ? left : 0,
		.holder = settings->holder,
		.first_reply = settings->last_reply ? settings->first_reply : VPC_FILTER_FIRST_REPLY,
		.last_reply = settings->last_reply ? settings->last_reply : VPC_FILTER_LAST_REPLY,
	};
}

int vpc_port_filter_each_port(const struct vpc_port_filter *filter, int (*visit)(const struct vpc_port *port, void *context), void *context) {
	for (uint32_t key = 0; key < VPC_FILTER_KEYS; key++) {
		struct vpc_port port = vpc_filter_port_of(&filter->maps, key);
		int result = port.flags ? visit(&port, context) : 0;
		if (result)
			return result;
	}
	return 0;
}

static const char *action_of(uint32_t verdict) {
	return verdict == VPC_FILTER_SOCKET ? "redirect" : verdict >= VPC_FILTER_FIRST_DROP ? "drop" : "pass";
}

int vpc_port_filter_each_count(const struct vpc_port_filter *filter, int (*visit)(const struct vpc_port_filter_count *count, void *context),
	void *context, struct vpc_error *error) {
	int cpus = libbpf_num_possible_cpus();
	_cleanup_(free_memory) uint64_t *counts = cpus > 0 ? calloc((size_t)cpus, sizeof *counts) : NULL;
	if (!counts)
		return vpc_fail(error, cpus > 0 ? -ENOMEM : cpus, "port filter: counters: %s", strerror(cpus > 0 ? ENOMEM : -cpus));
	for (uint32_t verdict = 0; verdict < VPC_FILTER_VERDICT_COUNT; verdict++) {
		if (bpf_map_lookup_elem(filter->maps.counters_fd, &verdict, counts))
			return vpc_fail(error, -errno, "port filter: counters: %s", strerror(errno));
		struct vpc_port_filter_count count = {VERDICTS[verdict].name, VERDICTS[verdict].text, action_of(verdict), 0};
		for (int cpu = 0; cpu < cpus; cpu++)
			count.packets += counts[cpu];
		int result = visit(&count, context);
		if (result)
			return result;
	}
	return 0;
}

/* Changes are made under the lock of the pin directory; those of a filter that another tool attached under none. */
static int lock(const struct vpc_port_filter *filter, struct vpc_pins *pins, struct vpc_error *error) {
	return filter->pin_directory ? vpc_pins_open(filter->pin_directory, VPC_PINS_CHANGE, pins, error) : 0;
}

int vpc_port_filter_open_ports(struct vpc_port_filter *filter, const struct vpc_port *ports, size_t count, struct vpc_error *error) {
	_cleanup_(vpc_pins_close) struct vpc_pins pins = VPC_PINS_CLOSED;
	int result = vpc_filter_check_ports(ports, count, error);
	result = result ?: lock(filter, &pins, error);
	for (size_t i = 0; i < count && result == 0; i++)
		__atomic_fetch_or(filter->maps.ports[vpc_filter_key(&ports[i])], ports[i].flags, __ATOMIC_RELAXED);
	return result;
}

static bool is_named(uint32_t key, const struct vpc_port *ports, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (vpc_filter_key(&ports[i]) == key)
			return true;
	return false;
}

static bool one_stays_open(const struct vpc_port_filter *filter, const struct vpc_port *ports, size_t count) {
	for (uint32_t key = 0; key < VPC_FILTER_KEYS; key++)
		if (filter->maps.ports[key][0] & VPC_FILTER_FLAGS && !is_named(key, ports, count))
			return true;
	return false;
}

int vpc_port_filter_close_ports(struct vpc_port_filter *filter, const struct vpc_port *ports, size_t count, struct vpc_error *error) {
	_cleanup_(vpc_pins_close) struct vpc_pins pins = VPC_PINS_CLOSED;
	int result = vpc_filter_check_ports(ports, count, error);
	result = result ?: lock(filter, &pins, error);
	if (result)
		return result;
	if (!one_stays_open(filter, ports, count))
		return vpc_fail(error, -EINVAL, "port filter: no port would stay open; 'vpcctl filter detach' removes the filter");
	for (size_t i = 0; i < count; i++)
		__atomic_fetch_and(filter->maps.ports[vpc_filter_key(&ports[i])], (uint8_t)~VPC_FILTER_FLAGS, __ATOMIC_RELAXED);
	return 0;
}

int vpc_port_filter_confirm(struct vpc_port_filter *filter, struct vpc_error *error) {
	_cleanup_(vpc_pins_close) struct vpc_pins pins = VPC_PINS_CLOSED;
	char interface[VPC_INTERFACE_TEXT];
	vpc_interface_text(filter->ifindex, interface);
	int result = lock(filter, &pins, error);
	if (result)
		return result;
	uint64_t left = vpc_filter_time_left(&filter->maps);
	if (left == UINT64_MAX)
		return vpc_fail(error, -EALREADY, "the port filter of interface %s does not wait for confirmation", interface);
	if (filter->maps.settings->holder)
		return vpc_fail(error, -EBUSY, "the port filter of interface %s lasts as long as process %u, which attached it with --on-exit detach",
			interface, filter->maps.settings->holder);
	if (left == 0)
		return vpc_fail(error, -ENOENT, "the port filter of interface %s was not confirmed in time", interface);
	vpc_filter_set_deadline(&filter->maps, 0);
	return 0;
}

int vpc_port_filter_hold(struct vpc_port_filter *filter, uint32_t holder, uint64_t nanoseconds, struct vpc_error *error) {
	_cleanup_(vpc_pins_close) struct vpc_pins pins = VPC_PINS_CLOSED;
	char interface[VPC_INTERFACE_TEXT];
	int result = lock(filter, &pins, error);
	if (result)
		return result;
	if (filter->maps.settings->holder != holder || vpc_filter_time_left(&filter->maps) == UINT64_MAX)
		return vpc_fail(error, -ESTALE, "the port filter of interface %s was attached anew by another command",
			vpc_interface_text(filter->ifindex, interface));
	vpc_filter_set_deadline(&filter->maps, vpc_filter_now() + nanoseconds);
	return 0;
}

int vpc_port_filter_socket_map(const struct vpc_port_filter *filter) {
	return filter->maps.sockets_fd;
}
