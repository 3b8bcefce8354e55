// SPDX-License-Identifier: Apache-2.0
/*
 * Attaching the port filter, or changing the one that stands:
 *
 *	new:      maps are made and pinned, ports written, then the program is attached
 *	standing: the program is exchanged, then the ports are
 *
 * With a deadline the ports that were are kept in the table first, and the program returns to them by itself. So whenever
 * the caller dies in between, what is in force is the earlier filter, the new one, or the ports of both.
 */
#include "filter_place.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

static void free_template(struct vpc_template **template) {
	vpc_template_free(*template);
}

static void free_instance(struct vpc_instance **instance) {
	vpc_instance_free(*instance);
}

static int check_port(const struct vpc_port *port, struct vpc_error *error) {
	bool has_ports = port->protocol == IPPROTO_TCP || port->protocol == IPPROTO_UDP;
	if (has_ports != (port->port != 0))
		return vpc_fail(error, -EINVAL, "port filter: protocol %u with port %u: TCP and UDP need a port from 1 on, others have none", port->protocol,
			port->port);
	if (port->flags & ~VPC_FILTER_FLAGS)
		return vpc_fail(error, -EINVAL, "port filter: %#x are no flags of a port", port->flags);
	return 0;
}

int vpc_filter_check_ports(const struct vpc_port *ports, size_t count, struct vpc_error *error) {
	if (count && !ports)
		return vpc_fail(error, -EINVAL, "port filter: there is no list of the %zu ports", count);
	for (size_t i = 0; i < count; i++) {
		int result = check_port(&ports[i], error);
		if (result)
			return result;
	}
	return 0;
}

/* The range from which the kernel takes the ports of sockets that did not choose one. */
static void read_reply_range(uint16_t *ret_first, uint16_t *ret_last) {
	unsigned first = VPC_FILTER_FIRST_REPLY, last = VPC_FILTER_LAST_REPLY;
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	if (!file)
		return;
	if (fscanf(file, "%u %u", &first, &last) == 2 && first && first <= last && last <= 65535) {
		*ret_first = (uint16_t)first;
		*ret_last = (uint16_t)last;
	}
	fclose(file);
}

static int read_options(const struct vpc_port_filter_options *options, struct vpc_port_filter_options *ret_options, struct vpc_error *error) {
	struct vpc_port_filter_options known = {.size = sizeof known};
	if (!options || options->size < sizeof options->size)
		return vpc_fail(error, -EINVAL, "options.size is not set; set it to sizeof");
	memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
	bool is_open = false;
	int result = vpc_filter_check_ports(known.ports, known.port_count, error);
	if (result)
		return result;
	for (size_t i = 0; i < known.port_count; i++)
		is_open = is_open || known.ports[i].flags;
	if (!is_open)
		return vpc_fail(error, -EINVAL, "port filter: no port would be open; name at least one");
	if (known.hook != VPC_HOOK_AUTO && known.hook != VPC_HOOK_XDP_NATIVE && known.hook != VPC_HOOK_XDP_GENERIC)
		return vpc_fail(error, -EINVAL, "port filter: hook %d is none of XDP", known.hook);
	if (known.first_reply == 0 && known.last_reply == 0) {
		known.first_reply = VPC_FILTER_FIRST_REPLY;
		known.last_reply = VPC_FILTER_LAST_REPLY;
		read_reply_range(&known.first_reply, &known.last_reply);
	}
	if (known.last_reply == 0)
		return vpc_fail(error, -EINVAL, "port filter: the last port for replies is 0; give 65535 to 1 for none");
	*ret_options = known;
	return 0;
}

/* One call's view. */
struct work {
	struct vpc_session *session;
	uint32_t ifindex;
	const struct vpc_port_filter_options *options;
	struct vpc_filter_maps maps;
	bool stands;
};

static int load(struct work *work, struct vpc_template **ret_template, struct vpc_instance **ret_instance, struct vpc_error *error) {
	static const struct vpc_template_options CHOICE = {.size = sizeof CHOICE, .program = "portfilter"};
	_cleanup_(free_template) struct vpc_template *template = NULL;
	char path[VPC_FILTER_PATH];
	vpc_filter_maps_path(work->session, work->ifindex, path);
	const struct vpc_prepare_options options = {.size = sizeof options, .direction = VPC_XDP, .pin_directory = path};
	int result = vpc_template_open_builtin("portfilter", &CHOICE, &template, error);
	result = result ?: vpc_template_prepare(template, &options, error);
	result = result ?: vpc_filter_maps_open_pinned(path, &work->maps, error);
	result = result ?: vpc_instance_load(template, "portfilter", NULL, 0, ret_instance, error);
	if (result == -EACCES)
		return vpc_fail(error, result,
			"port filter: the kernel does not take the program from this process: it computes with addresses of packets, which wants CAP_PERFMON "
			"besides CAP_BPF and CAP_NET_ADMIN; run this as root");
	if (result)
		return result;
	*ret_template = template;
	template = NULL;
	return 0;
}

/* Before anything else changes: what comes back if nobody confirms. */
static void begin_waiting(struct work *work) {
	bool waits_already = work->stands && vpc_filter_time_left(&work->maps) != UINT64_MAX && !work->maps.settings->holder;
	if (!work->options->confirm_within)
		return;
	if (!waits_already) {
		vpc_filter_keep_ports(&work->maps);
		work->maps.settings->earlier = work->stands && !work->options->holder;
	}
	vpc_filter_set_deadline(&work->maps, vpc_filter_now() + work->options->confirm_within);
}

static void put_settings(struct work *work) {
	work->maps.settings->first_reply = work->options->first_reply;
	work->maps.settings->last_reply = work->options->last_reply;
	work->maps.settings->holder = work->options->holder;
	vpc_filter_put_ports(&work->maps, work->options->ports, work->options->port_count);
	if (!work->options->confirm_within)
		vpc_filter_set_deadline(&work->maps, 0);
}

static int attach_loaded(struct work *work, const struct vpc_instance *instance, struct vpc_error *error) {
	const struct vpc_attach_options options = vpc_filter_attach_options(work->options->hook);
	struct vpc_filter_settings before = *work->maps.settings;
	begin_waiting(work);
	if (!work->stands)
		put_settings(work);
	int result = vpc_session_attach(work->session, instance, work->ifindex, VPC_XDP, &options, error);
	if (result && work->stands)
		vpc_filter_set_deadline(&work->maps, before.deadline);
	if (result == 0 && work->stands)
		put_settings(work);
	return result;
}

static int attach(struct work *work, struct vpc_error *error) {
	_cleanup_(free_template) struct vpc_template *template = NULL;
	_cleanup_(free_instance) struct vpc_instance *instance = NULL;
	struct vpc_attachment attachment;
	char path[VPC_FILTER_PATH];

	vpc_filter_maps_path(work->session, work->ifindex, path);
	work->stands = vpc_filter_find(work->session, work->ifindex, &attachment, NULL) == 0 &&
		vpc_filter_maps_open_pinned(path, &work->maps, NULL) == 0;
	bool was_taken_back = work->stands && vpc_filter_settle(&work->maps);
	vpc_filter_maps_close(&work->maps);
	if (was_taken_back) {
		vpc_filter_remove(work->session, work->ifindex, NULL);
		return -EAGAIN; /* the directory may be gone */
	}
	if (!work->stands)
		vpc_filter_remove_maps(work->session, work->ifindex);
	int result = vpc_filter_make_maps_directory(work->session, work->ifindex, error);
	result = result ?: load(work, &template, &instance, error);
	result = result ?: attach_loaded(work, instance, error);
	if (result && !work->stands)
		vpc_filter_remove_maps(work->session, work->ifindex);
	return result;
}

static int attach_in_session(uint32_t ifindex, const struct vpc_port_filter_options *options, struct vpc_error *error) {
	_cleanup_(vpc_session_close) struct vpc_session session = VPC_SESSION_CLOSED;
	struct work work = {&session, ifindex, options, VPC_FILTER_MAPS_CLOSED, false};
	int result = vpc_session_begin(&session, vpc_filter_pin_directory(options->pin_directory), VPC_PINS_MAKE, error);
	if (result)
		return result;
	vpc_filter_sweep_maps(&session);
	result = attach(&work, error);
	vpc_filter_maps_close(&work.maps);
	if (result)
		vpc_session_remove_empty(&session);
	return result;
}

static int look_at(const struct vpc_attachment *attachment, void *context) {
	(void)attachment, (void)context;
	return 0;
}

int vpc_port_filter_attach(uint32_t ifindex, const struct vpc_port_filter_options *options, struct vpc_error *error) {
	struct vpc_port_filter_options known;
	int result = read_options(options, &known, error);
	if (result == 0 && known.offload)
		result = vpc_filter_refuse_offload(ifindex, error);
	if (result)
		return result;
	/* Listing forgets what interfaces left that are gone. */
	const struct vpc_attach_options listing = {.size = sizeof listing, .pin_directory = vpc_filter_pin_directory(known.pin_directory)};
	vpc_attachment_each(&listing, look_at, NULL, NULL);
	do
		result = attach_in_session(ifindex, &known, error);
	while (result == -EAGAIN);
	return result;
}

int vpc_port_filter_detach(uint32_t ifindex, const char *pin_directory, struct vpc_error *error) {
	_cleanup_(vpc_session_close) struct vpc_session session = VPC_SESSION_CLOSED;
	char interface[VPC_INTERFACE_TEXT];
	uint32_t program_id = 0;
	int result = vpc_session_begin(&session, vpc_filter_pin_directory(pin_directory), VPC_PINS_CHANGE, error);
	result = result ?: vpc_filter_remove(&session, ifindex, error);
	if (result != -ENOENT)
		return result;
	struct vpc_netlink netlink = {0};
	int found = vpc_netlink_xdp_program(&netlink, ifindex, &program_id);
	vpc_netlink_close(&netlink);
	vpc_interface_text(ifindex, interface);
	if (found == 0 && program_id)
		return vpc_fail(error, -EBUSY, "XDP of interface %s is held by program %u of another tool; that tool removes it (ip link set dev IF xdp off)",
			interface, program_id);
	return vpc_fail(error, -ENOENT, "no port filter is attached to interface %s", interface);
}
