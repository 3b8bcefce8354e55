/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where port filters are kept: in a pin directory of their own, since their life does not depend on the datapath's layout.
 *
 *	/sys/fs/bpf/libvpc/filter/records, links/...                  as of every attachment (pins.h)
 *	/sys/fs/bpf/libvpc/filter/maps/<ifindex>@<netns>/filter_...   the maps of one filter
 */
#ifndef VPC_FILTER_PLACE_H
#define VPC_FILTER_PLACE_H

#include "attach_session.h"
#include "filter_maps.h"

#define VPC_FILTER_OWNER "filter"
#define VPC_FILTER_PATH 400

/* The directory itself, or the default if it is NULL. */
const char *vpc_filter_pin_directory(const char *directory);

/* The options by which every call finds the attachment. */
struct vpc_attach_options vpc_filter_attach_options(enum vpc_hook hook);

/* What is attached, if it stands as it was attached; else as vpc_attachment_check(). */
int vpc_filter_find(struct vpc_session *session, uint32_t ifindex, struct vpc_attachment *ret_attachment, struct vpc_error *error);

void vpc_filter_maps_path(const struct vpc_session *session, uint32_t ifindex, char path[VPC_FILTER_PATH]);
int vpc_filter_make_maps_directory(const struct vpc_session *session, uint32_t ifindex, struct vpc_error *error);
void vpc_filter_remove_maps(const struct vpc_session *session, uint32_t ifindex);
/* Removes the maps of interfaces that vanished, by their records, which must be in order. */
void vpc_filter_sweep_maps(const struct vpc_session *session);
/* Detaches, and removes maps and what is empty. */
int vpc_filter_remove(struct vpc_session *session, uint32_t ifindex, struct vpc_error *error);

/* Where the earlier filter is in force, since nobody confirmed in time, it becomes the only one. 1: there was none. */
int vpc_filter_settle(const struct vpc_filter_maps *maps);

/* -EINVAL if one is no port. */
int vpc_filter_check_ports(const struct vpc_port *ports, size_t count, struct vpc_error *error);

/* Says what the device lacks for a filter of its own; never returns 0. */
int vpc_filter_refuse_offload(uint32_t ifindex, struct vpc_error *error);

#endif
