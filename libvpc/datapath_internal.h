/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a node's datapath share.
 *
 *	datapath.c           open, free, remove, repair
 *	datapath_node.c      from_vxlan, from_trunk and the shared programs
 *	datapath_pins.c      the pinned maps
 *	datapath_migration.c from the maps of another layout to ours
 *	datapath_pod.c       put, delete, check and confine a Pod
 *	datapath_programs.c  a Pod's programs
 *	datapath_entries.c   a Pod's entries in the maps
 *	datapath_values.c    the values of a Pod's programs
 *	datapath_pod_table.c what is known of the Pods, by interface
 *	datapath_members.c   remote members, nodes, local addresses
 *	datapath_rules.c     `allow` and `allowFrom`
 *	datapath_flows.c     quota, flows that are to be forgotten
 *	datapath_sweep.c     ageing, and the numbers of flows
 *	datapath_device.c    the VXLAN device and the uplink
 *	datapath_text.c      addresses and networks in messages
 */
#ifndef VPC_DATAPATH_INTERNAL_H
#define VPC_DATAPATH_INTERNAL_H

#include <stdbool.h>

#include "attach_session.h"
#include "datapath_device.h"
#include "datapath_map.h"
#include "datapath_maps.h"
#include "datapath_pod_table.h"
#include "error.h"
#include "pins.h"

#define VPC_DATAPATH_OWNER "agent"

/* The pinned maps of bpf/maps.h. */
#define VPC_DATAPATH_MAPS(X) \
	X(members) X(nodes) X(networks) X(network_flows) X(pods) X(next_hops) X(node_addresses) X(rules) X(flows) \
	X(fragments) X(paths) X(smallest_path) X(drops) X(icmp_budget) X(steps)

#define VPC_MAP_AS_ENUM(name_) VPC_MAP_##name_,
enum vpc_datapath_map { VPC_DATAPATH_MAPS(VPC_MAP_AS_ENUM) VPC_MAP_COUNT };

/* Remembered flows that one network may have: an eighth of the table. */
#define VPC_FLOW_QUOTA_SHARE 8

/* Copies of to_pod, of which Pods of one network have the same. */
struct vpc_to_pods {
	struct vpc_to_pod {
		uint32_t network;
		struct vpc_instance *instance;
	} *list;
	size_t count, capacity;
};

/* How far the last call got in the table of flows, and what it has counted. */
struct vpc_sweep {
	struct vpc_flow_key flow;
	bool is_under_way;
	struct vpc_entries tallies; /* by network, sorted (datapath_sweep.c) */
};

struct vpc_datapath {
	char pin_directory[256];
	char vxlan_device[16];
	uint32_t uplink_ifindex, vxlan_ifindex;
	struct vpc_link uplink; /* as read at open and repair */
	uint8_t underlay[16];
	uint16_t udp_port;
	struct vpc_template *pod, *node, *steps, *confine;
	struct vpc_instance *confined, *forget_flow;
	struct vpc_map maps[VPC_MAP_COUNT];
	bool maps_are_new; /* programs that run refer to other maps: all are to be loaded anew */
	bool made_pins, made_device; /* by this open, which takes them away again if it fails */
	int state_fd;      /* the map `node` (datapath_node.c) */
	struct vpc_pod_table pods;
	struct vpc_to_pods to_pods;
	struct vpc_session session; /* for the programs of Pods */
	struct vpc_sweep sweep;
	struct vpc_migration *migration; /* NULL: none is under way */
	uint32_t migrated_from;          /* layout; 0: none */
};

static inline const struct vpc_map *vpc_datapath_map(const struct vpc_datapath *datapath, enum vpc_datapath_map map) {
	return &datapath->maps[map];
}

/* The options of every attachment of this datapath. */
struct vpc_attach_options vpc_datapath_attach_options(const struct vpc_datapath *datapath);

/* As the maps' keys name a network. */
static inline uint32_t vpc_network_key(enum vpc_encapsulation encapsulation, uint32_t network_id) {
	return encapsulation == VPC_VLAN ? VPC_NETWORK_VLAN | network_id : network_id;
}
/* -EINVAL, -ERANGE if that is no network that can be used. */
int vpc_network_check(enum vpc_encapsulation encapsulation, uint32_t network_id, struct vpc_error *error);
#define VPC_NETWORK_TEXT 32
/* Writes "VXLAN 4097" or "VLAN 100". Returns text. */
const char *vpc_network_text(enum vpc_encapsulation encapsulation, uint32_t network_id, char text[VPC_NETWORK_TEXT]);

#define VPC_ADDRESS_TEXT 46
/* Writes an address of 16 bytes, IPv4-mapped ones as IPv4. Returns text. */
const char *vpc_address_text(const uint8_t address[16], char text[VPC_ADDRESS_TEXT]);
bool vpc_is_zero(const void *bytes, size_t length);
bool vpc_is_mapped_ipv4(const uint8_t address[16]);
void vpc_map_ipv4(const uint8_t ipv4[4], uint8_t ret_address[16]);

/* ---- datapath_pins.c ---- */

/* "members", "nodes", ... by enum vpc_datapath_map */
const char *vpc_datapath_map_name(size_t map);
/* Prepares the templates, whose maps are found pinned or made, and opens them. */
int vpc_datapath_open_maps(struct vpc_datapath *datapath, uint32_t flow_entries, struct vpc_error *error);
/* Pins again what somebody unpinned. Returns how many. */
int vpc_datapath_repair_pins(struct vpc_datapath *datapath, struct vpc_error *error);
void vpc_datapath_unpin_maps(struct vpc_datapath *datapath);
/* Whether any map is pinned in the directory. */
bool vpc_datapath_has_pins(const struct vpc_datapath *datapath);

/* ---- datapath_node.c ---- */

/* What stands on this node, pinned as the array `node` with this one entry. */
struct vpc_node_state {
	char steps_hash[65];       /* of the template of the shared programs */
	uint32_t step_ids[16];     /* program of each slot of `steps` */
	uint32_t map_ids[32];      /* of the pinned maps to which all programs of the node refer */
};

/* Finds the state or makes it, and tells whether programs of this node refer to maps that are no longer pinned. */
int vpc_datapath_open_state(struct vpc_datapath *datapath, struct vpc_error *error);

/* Makes from_vxlan, from_trunk and the shared programs stand at their places. Returns how many did not. */
int vpc_datapath_put_node(struct vpc_datapath *datapath, struct vpc_error *error);

/* ---- datapath_values.c ---- */

enum { VPC_POD_SETTINGS = 9 };

struct vpc_pod_values {
	struct vpc_setting settings[VPC_POD_SETTINGS];
	size_t count;
};

/* What is written into the Pod's copy of that program ("from_pod" or "to_pod"). The Pod's mtu is known. */
void vpc_pod_values_make(const struct vpc_datapath *datapath, const struct vpc_pod *pod, const char *program, struct vpc_pod_values *ret_values);
/* Whether the attachment is an instance of that program of the template with exactly these values. */
bool vpc_attachment_has(const struct vpc_attachment *attachment, const struct vpc_template *template_, const char *program,
	const struct vpc_setting *settings, size_t count);

/* ---- datapath_programs.c ---- */

/* Loads the Pod's programs and attaches them; what stood there is replaced. Adds to the times. */
int vpc_pod_put_programs(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_timing *timing, struct vpc_error *error);
/* 0 if both stand with the Pod's values; -ENOENT, -ESTALE. */
int vpc_pod_check_programs(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error);
/* Replaces what stands on the interface by programs that drop everything. */
int vpc_pod_confine_programs(struct vpc_datapath *datapath, uint32_t ifindex, struct vpc_error *error);
/* 0 also if there were none, or the interface is gone. */
int vpc_pod_delete_programs(struct vpc_datapath *datapath, uint32_t ifindex, struct vpc_error *error);
/* Gives up the copy of to_pod that all Pods of a network share. */
void vpc_to_pods_delete(struct vpc_to_pods *to_pods, uint32_t network);
void vpc_to_pods_free(struct vpc_to_pods *to_pods);
uint64_t vpc_nanoseconds(void);

/* ---- datapath_entries.c ---- */

/* Reads the Pods from the maps into the table. */
int vpc_datapath_read_pods(struct vpc_datapath *datapath, struct vpc_error *error);
/* What the shared programs know of the Pod: its network, its record and its next hops, which are made exact. */
int vpc_pod_put_record(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error);
int vpc_pod_delete_record(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error);
/* The Pod's addresses as members of its network. */
int vpc_pod_put_membership(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error);
/* Only those that still name the Pod's interface. */
int vpc_pod_delete_membership(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error);
/* 0 if all entries are there as they should, else -ESTALE. */
int vpc_pod_check_entries(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error);
/* The Pod's addresses, IPv4-mapped for IPv4. Returns how many: 0 to 2. */
size_t vpc_pod_addresses(const struct vpc_pod *pod, uint8_t ret_addresses[2][16]);

/* ---- datapath_flows.c ---- */

int vpc_datapath_put_network(struct vpc_datapath *datapath, uint32_t network, struct vpc_error *error);
/* Forgets the network with what is counted by it. */
int vpc_datapath_delete_network(struct vpc_datapath *datapath, uint32_t network, struct vpc_error *error);
/* Only a program can lower the number of a network's flows atomically. Returns 1 if the flow was removed. */
int vpc_datapath_forget_flow(struct vpc_datapath *datapath, const struct vpc_flow_key *key, bool even_if_alive, struct vpc_error *error);
/* Removes the flows that began by a rule of the network which no longer stands. */
int vpc_datapath_forget_disallowed(struct vpc_datapath *datapath, uint32_t network, struct vpc_error *error);
/* Forgets the flows of the network with this Pod's address (16 bytes). */
int vpc_datapath_forget_flows(struct vpc_datapath *datapath, uint32_t network, const uint8_t address[16], struct vpc_error *error);

#endif
