/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One node with three Pods; everything else on its wires is made of frames. The namespaces have no names and the bpffs
 * is mounted privately, so that the kernel removes all of it with the process, however that ends.
 *
 *	pod   eth0 ---- red1 \                               / u0 ---- eth0 underlay (nodes b and c, and a rogue)
 *	peer  eth0 ---- red2  } node (libvpc-vxlan, routes) {
 *	other eth0 ---- blue1/                               \ out0 -- eth0 outside
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include "datapath_maps.h"
#include "drop_reasons.h"
#include "frame.h"

enum carrier { CARRIER_VXLAN4, CARRIER_VXLAN6, CARRIER_VLAN, CARRIERS };

/* Wires that the tests hold at their far end. */
enum wire { WIRE_POD, WIRE_PEER, WIRE_OTHER, WIRE_UNDERLAY, WIRE_OUTSIDE, WIRES };

enum program { FROM_POD, TO_POD, FROM_VXLAN, FROM_TRUNK, CONFINE, PROGRAMS };

enum { VNI_RED = 4097, VNI_BLUE = 4098, VNI_UNUSED = 5000, VLAN_RED = 100, VLAN_BLUE = 200, VLAN_UNUSED = 300, UDP_PORT = 14789 };

struct world {
	enum carrier carrier;
	int node_namespace, wire_namespaces[WIRES];
	int ifindex[WIRES]; /* in the node's namespace: red1, red2, blue1, u0, out0 */
	int vxlan_ifindex;
	int sockets[WIRES]; /* AF_PACKET at the far end of each wire */
	int programs[PROGRAMS]; /* of POD; of the node */
	int wrap;               /* wrapper: sets what a test run cannot, then calls the program in slot cb[0] */
	uint32_t mtu;
};

extern struct world world;

/* Enters private mount and network namespaces, makes links, programs and map entries. Exits with 77 if it may not. */
void world_make(enum carrier carrier, const char *object_directory);
/* Closes everything, so that another world can be made. */
void world_free(void);

/* Gives the Pod at the wire the programs that drop everything, or its own again. */
void world_confine(enum wire wire);
void world_unconfine(enum wire wire);

uint32_t world_network(bool is_blue); /* as the maps have it */
void world_put_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow);

struct wrap_arrival;
/* How the next test run's frame arrives. */
void world_set_arrival(const struct wrap_arrival *arrival);
/* Removes flows, fragments, counters and budgets, so that rows do not see each other. */
void world_forget(void);
void world_forget_drops(void);
/* Every drop counted since world_forget(). Returns the sum; *ret_network and *ret_reason are of the last one found. */
uint64_t world_drops(uint32_t *ret_network, uint32_t *ret_reason);

void world_enter(int namespace_fd);
/* Runs a command line in the namespace; the test ends if it fails. */
__attribute__((format(printf, 2, 3)))
void world_run(int namespace_fd, const char *format, ...);

#endif
