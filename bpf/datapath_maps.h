/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys and values of the pinned maps, read by both sides. Every key carries the network. Multi-byte integers are in
 * host byte order unless their name or comment says otherwise; addresses and ports are in network byte order. IPv4
 * addresses are stored IPv4-mapped (::ffff:a.b.c.d), so that one map serves both families. Padding is explicit and 0.
 *
 * A change of any layout raises VPC_LAYOUT_VERSION; pins live under /sys/fs/bpf/libvpc/v<VERSION>/. What the layout before
 * had stands in layout_before.h then. While a node goes from one layout to the next, Pods' programs of the one call shared
 * programs of the other: numbers of steps and what is handed over keep their meaning, new ones are appended.
 */
#ifndef VPC_DATAPATH_MAPS_H
#define VPC_DATAPATH_MAPS_H

#include <linux/types.h>

#ifndef VPC_LAYOUT_VERSION
#define VPC_LAYOUT_VERSION 1
#define VPC_LAYOUT_TEST_FIELD /* tests/layout builds layout 2, in which a key and a value have a field more */
#endif

/* A network: the VNI of a VXLAN, or this bit and the VLAN ID. 0 is no network. */
#define VPC_NETWORK_VLAN 0x80000000u

/* Values of the parameter `encapsulation`; as enum vpc_encapsulation of the public header. */
#define VPC_ENCAPSULATION_VXLAN 1
#define VPC_ENCAPSULATION_VLAN 2

struct vpc_address {
	union {
		__u8 bytes[16];
		__u32 words[4];
		__u64 halves[2];
	};
} __attribute__((aligned(8)));

/* members: who belongs to a network, here or on another node. Hash, no preallocation. */
struct vpc_member_key {
	__u32 network;
	__u32 zero;
	struct vpc_address address;
};

struct vpc_member {
	struct vpc_address node; /* underlay address of the member's node; zeros if it lives here */
	VPC_LAYOUT_TEST_FIELD
	__u32 ifindex;           /* host side of its veth if it lives here, else 0 */
	__u8 mac[6];             /* the member's own */
	__u8 node_mac[6];        /* uplink MAC of its node; VLAN only */
};

/* nodes: underlay addresses of the other nodes. Hash; consulted to name the reason of a drop only. */
struct vpc_node_key {
	struct vpc_address address;
};

/* networks: those with Pods on this node. Hash. */
struct vpc_network {
	__u32 flow_quota; /* remembered flows at most */
	__u32 flags;      /* 0 */
};

/* network_flows: remembered flows of a network at present. Hash by __u32 network, value __u64, changed atomically. */

/* pods: what the shared programs know of a Pod, by the ifindex of the host side of its veth. Hash. */
struct vpc_pod_key {
	__u32 network;
	__u32 ifindex;
};

struct vpc_pod_record {
	struct vpc_address ipv4; /* IPv4-mapped, or zeros */
	struct vpc_address ipv6; /* or zeros */
	__u8 mac[6];
	__u8 host_mac[6];        /* of the host side of its veth */
	__u32 mtu;               /* largest IP packet inside the VPC */
};

/* next_hops: gateways of a Pod's routes, which it may resolve. Hash, value __u8 1. */
struct vpc_next_hop_key {
	__u32 network;
	__u32 ifindex;
	struct vpc_address address;
};

/* node_addresses: every local address of this node, link-local ones too. Hash by struct vpc_address, value __u8 1. Not of any VPC. */

/*
 * rules: `allow` (Pod to outside) and `allowFrom` (outside to Pod), longest prefix first. LPM trie. The value of a
 * prefix holds the ports of all prefixes that contain it, since a lookup finds the longest one only.
 */
enum vpc_rule_direction { VPC_RULE_ALLOW = 1, VPC_RULE_ALLOW_FROM = 2 };

struct vpc_rule_key {
	__u32 prefix_length; /* bits that follow: 64 + the prefix of the (mapped) address */
	__u32 network;       /* big-endian */
	__u32 direction;     /* big-endian */
	__u8 address[16];
};

#define VPC_RULE_PORTS 16

struct vpc_port_range {
	__u16 first, last; /* host byte order, first <= last */
	__u8 protocol;     /* IPPROTO_TCP, UDP, SCTP or ICMP, ICMPV6; 0: any protocol, ports ignored */
	__u8 zero[3];
};

struct vpc_rule {
	__u32 count; /* of ranges in use */
	struct vpc_port_range ports[VPC_RULE_PORTS];
};

/*
 * flows: remembered flows between a Pod and the outside, both directions under one key. Preallocated hash. A flow outlives
 * the rule that began it, and its Pod: who removes either removes the flows.
 */
struct vpc_flow_key {
	__u32 network;
	__u8 protocol;
	__u8 zero[3];
	__u16 pod_port, peer_port; /* big-endian; ICMP echo: the identifier for who asks, its complement for who answers; else 0 */
	__u32 zero2;
	VPC_LAYOUT_TEST_FIELD
	struct vpc_address pod, peer;
};

enum vpc_flow_origin { VPC_FLOW_ALLOW = 1, VPC_FLOW_ALLOW_FROM = 2, VPC_FLOW_NODE = 3 };

struct vpc_flow {
	__u64 last_seen; /* nanoseconds of bpf_ktime_get_ns */
	__u32 origin;    /* enum vpc_flow_origin */
	__u32 state;     /* TCP: bits of what was seen (datapath's own) */
};

/*
 * Expired flows and fragments (flow_age.h) that nobody meets again are removed by user space. A flow must leave through
 * the program `forget_flow` of steps.bpf.c, run by BPF_PROG_TEST_RUN with this as the frame, since only a program can
 * lower network_flows atomically. It returns 1 if it removed the flow, else 0.
 */
struct vpc_forget {
	__u8 ethernet[14]; /* zeros */
	__u8 zero[2];
	__u32 even_if_alive; /* 0: only if it is expired */
	__u32 zero2;
	struct vpc_flow_key key;
};

/* fragments: ports of the first fragment, for those that follow. Preallocated hash, aged lazily. */
struct vpc_fragment_key {
	__u32 network;
	__u32 identification; /* big-endian; IPv4: the low 16 bits */
	struct vpc_address source, destination;
	__u32 protocol;
	__u32 zero;
};

struct vpc_fragment {
	__u64 last_seen;
	__u16 source_port, destination_port; /* big-endian */
	__u32 zero;
};

/*
 * paths: what an ICMP error of the underlay said about the way to a node. Hash by struct vpc_address, the node's underlay
 * address. smallest_path: array of one __u32, the smallest MTU among them, 0 if there is none, so that others need no
 * look at `paths`. VXLAN only.
 */
struct vpc_path {
	__u64 learned; /* nanoseconds of bpf_ktime_get_ns; counts for VPC_PATH_LIFE (flow_age.h) */
	__u32 mtu;     /* largest IP packet inside the VPC */
	__u32 zero;
};

/* drops: per-CPU hash, no preallocation, value __u64. */
struct vpc_drop_key {
	__u32 network; /* 0: not known */
	__u32 reason;  /* enum vpc_drop_reason */
};

/* icmp_budget: rate limits by network; hash by __u32: the network for ICMP answers, with bit 30 set for remembered fragments. */
struct vpc_budget {
	__u64 refilled; /* nanoseconds */
	__u64 tokens;
};

/* steps: program array of the shared programs. */
enum vpc_step {
	VPC_STEP_NO_IP,        /* from a Pod: ARP, and what is none of the VPC's business */
	VPC_STEP_ND,           /* from a Pod: all ICMPv6 to link-local or multicast, MLD, unspecified source */
	VPC_STEP_OUTSIDE,      /* from a Pod to an address that is no member */
	VPC_STEP_TOO_BIG,      /* from a Pod: answer with an ICMP error */
	VPC_STEP_INTO_POD,     /* to a Pod by the host's stack: probes, replies, allowFrom */
	VPC_STEP_DROP,         /* from and to a Pod: count the reason */
	VPC_STEPS
};

/* Handed over in skb->cb at a tail call. The rest of the identity is pods[{network, interface that the program runs on}]. */
enum vpc_handed {
	VPC_HANDED_NETWORK,
	VPC_HANDED_LARGEST, /* packet: TOO_BIG only */
	VPC_HANDED_REASON,  /* of a drop: enum vpc_drop_reason */
	VPC_HANDED_STEP,    /* enum vpc_step */
};

/* VLANs that libvpc has claimed are those with a `networks` entry of VPC_NETWORK_VLAN | id. */

#endif
