/* SPDX-License-Identifier: Apache-2.0 */
/* The VXLAN device and what must be known of interfaces, by rtnetlink. */
#ifndef VPC_DATAPATH_DEVICE_H
#define VPC_DATAPATH_DEVICE_H

#include "error.h"

/* What rtnetlink tells of an interface. */
struct vpc_link {
	uint32_t ifindex;
	char name[16];
	char kind[16]; /* "" if it is no virtual one */
	uint8_t mac[6];
	uint32_t mtu;
	bool is_up;
	uint16_t vxlan_port;                      /* VXLAN only, as below */
	bool collects_metadata, learns;
};

/* By index, or by name if the index is 0. -ENODEV if there is none. */
int vpc_link_get(uint32_t ifindex, const char *name, struct vpc_link *ret_link, struct vpc_error *error);

/*
 * Finds the VXLAN device or makes it: no learning, tunnel keys by packet, both IP versions, up, as large an MTU as devices
 * have, since the Pods' programs judge the size. `zero_checksums` accepts IPv6 packets without a UDP checksum.
 *
 * -EEXIST: a device of that name is of another kind or port, or another device holds the port. Returns 1 if something had
 * to be made or changed, else 0.
 */
int vpc_vxlan_device_put(const char *name, uint16_t udp_port, bool zero_checksums, uint32_t *ret_ifindex, struct vpc_error *error);
/* 0 also if there is none; a device of another kind is left alone. */
int vpc_vxlan_device_delete(const char *name, struct vpc_error *error);

#endif
