/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The balancer's maps as programs and user space both see them. Addresses and ports are in network byte order, IPv4
 * addresses of structures with room for both families IPv4-mapped (::ffff:0:0/96). Every byte of a key is significant:
 * padding is explicit and zero.
 *
 *	packet ── vips4, vips6 ──▶ VIP ─┬─ connections4/6[VIP] ──▶ backend of a flow that is known
 *	                                └─ tables[VIP] ── Maglev ──▶ backend of a new one ──▶ remembered in connections
 *	backend ── backends ──▶ address, MACs, outer header
 */
#ifndef VPC_LB_MAPS_H
#define VPC_LB_MAPS_H

#include "lb_counts.h"

#define LB_LAYOUT_VERSION 1

/* Slots; slot 0 of both stands for none. A backend takes one for each VIP that it serves. */
#define LB_VIPS 1024
#define LB_BACKENDS 16384

#define LB_FRAGMENTS 16384

/*
 * What a packet is addressed to. Port and protocol 0: any packet to an address that a VIP has. Programs write keys of eight
 * bytes in one piece, see eight_bytes().
 */
struct lb_vip4_key {
	__be32 address;
	__be16 port;
	__u8 protocol;
	__u8 zero;
};

struct lb_vip6_key {
	__be32 address[4];
	__be16 port;
	__u8 protocol;
	__u8 zero;
};

enum lb_vip_flags {
	LB_VIP_ADDRESS = 1,  /* only an address: marks what belongs to VIPs */
	LB_VIP_AFFINITY = 2, /* all flows of a client address go to one backend */
};

struct lb_vip {
	__u32 index;
	__u32 flags;      /* LB_VIP_* */
	__u32 table_size; /* of its Maglev table */
	__u32 zero;
};

/* A flow's far end; its near end is the VIP, by which the map was chosen. */
struct lb_client4 {
	__be32 address;
	__be16 port;
	__u16 zero;
};

struct lb_client6 {
	__be32 address[4];
	__be16 port;
	__u16 zero;
};

/* Where a flow goes: holds as long as that slot has that generation. */
struct lb_connection {
	__u32 backend;
	__u32 generation;
};

enum lb_backend_state {
	LB_BACKEND_NONE,     /* takes nothing: the slot is free, or the backend is down or removed */
	LB_BACKEND_ACTIVE,
	LB_BACKEND_DRAINING, /* keeps the flows that it has */
};

/* One cache line: all that forwarding to a backend takes. */
struct lb_backend {
	__be32 address[4], source[4]; /* of the outer header */
	__u32 generation;
	__u16 destination_mac[3], source_mac[3]; /* bytes as on the wire; destination zero: not known yet */
	__u32 header_sum; /* of the outer IPv4 header without total length and type of service, not folded */
	__u16 mtu;        /* of the way there: outer header included */
	__u8 state;       /* enum lb_backend_state */
	__u8 family;      /* of the outer header: 4 or 6 */
	__u32 vip;
	__u32 zero;
};

struct lb_traffic {
	__u64 packets, bytes; /* bytes of IP packets as clients sent them */
};

/* Which backend the later fragments of a packet follow. */
struct lb_fragment_key {
	__be32 source[4], destination[4];
	__be32 identification;
	__u8 protocol;
	__u8 zero[3];
};

/* Of one balancer, and read rarely. */
struct lb_settings {
	__u32 new_flows_a_second; /* on each CPU; what exceeds them is not remembered. 0: all are */
	__u32 too_big_a_second;   /* answers, on each CPU */
	__u32 drop_events;        /* 1: each drop is told in drop_events */
	__u32 zero;
};

/* What a CPU has done in a second. */
struct lb_pace {
	__u64 second;
	__u32 new_flows, too_big_answers;
};

/* One packet that was dropped, for debugging. */
struct lb_drop_event {
	__u32 vip;
	__u32 reason;     /* enum lb_count */
	__u32 length;     /* of the frame */
	__u8 head[64];    /* its beginning */
};

/* What user space keeps for itself, so that the next one that opens the balancer knows it. */
struct lb_vip_record {
	__be32 address[4];
	__be16 port;
	__u8 protocol; /* 0: the slot is free */
	__u8 zero;
	__u32 flags; /* LB_VIP_* */
	__u32 table_size;
	__u32 connections;
};

struct lb_backend_record {
	__be32 address[4];
	__u32 vip;        /* 0: the slot is free */
	__u32 generation; /* of the last one that had the slot */
	__u32 weight;
	__u8 is_draining, is_down;
	__u8 is_reachable; /* there is a route, and the next hop's MAC is known */
	__u8 zero;
};

/* Backends believe these senders of encapsulated packets, for these destinations inside. */
struct lb_peer {
	__be32 address[4];
};

#define LB_PEERS 1024

enum lb_decap_count { LB_DECAP_UNWRAPPED, LB_DECAP_FOREIGN_SENDER, LB_DECAP_FOREIGN_VIP, LB_DECAP_MALFORMED, LB_DECAP_FAILED, LB_DECAP_COUNTS };

#endif
