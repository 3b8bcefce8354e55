/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load balancer of libvpc: VIPs and their backends on one network interface, in XDP.
 *
 * All state is pinned: a program that dies changes nothing, and whoever opens the balancer next finds everything. Every
 * call that changes something holds the balancer's lock meanwhile; several processes may change one balancer. The error
 * contract is that of vpc/vpc.h.
 */
#ifndef VPC_LB_H
#define VPC_LB_H

#include <vpc/vpc.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vpc_lb;

struct vpc_lb_options {
	size_t size;
	const char *interface;     /* on which packets come and leave */
	const char *pin_directory; /* on a bpffs; NULL: "/sys/fs/bpf/libvpc" */
	bool must_exist;           /* -ENOENT instead of making a new balancer */
};

/* Finds the balancer of the interface in the caller's network namespace, or makes one without VIPs; attaches nothing. */
VPC_API int vpc_lb_open(const struct vpc_lb_options *options, struct vpc_lb **ret_lb, struct vpc_error *error);
/* Releases memory and descriptors; the balancer goes on. */
VPC_API struct vpc_lb *vpc_lb_free(struct vpc_lb *lb);

/* Attaches the program, or replaces it by this library's in one step: no packet is lost, nothing is forgotten. */
VPC_API int vpc_lb_attach(struct vpc_lb *lb, enum vpc_hook hook, struct vpc_error *error);
/* Detaches the program and removes all state. -ENOENT if there is no balancer on the interface. */
VPC_API int vpc_lb_destroy(const struct vpc_lb_options *options, struct vpc_error *error);

/* ---- VIPs ---- */

enum { VPC_LB_TCP = 6, VPC_LB_UDP = 17 };

/* What clients address. IPv4 addresses are IPv4-mapped, here and below. */
struct vpc_lb_service {
	uint8_t address[16];
	uint16_t port;    /* in the host's byte order */
	uint8_t protocol; /* VPC_LB_TCP or VPC_LB_UDP */
};

/* "40.1.1.1:80/tcp", "[2001:db8::1]:53/udp"; without a protocol TCP. -EINVAL says what is wrong. */
VPC_API int vpc_lb_service_parse(const char *text, struct vpc_lb_service *ret_service, struct vpc_error *error);
#define VPC_LB_SERVICE_TEXT 64
/* Returns text. */
VPC_API const char *vpc_lb_service_format(const struct vpc_lb_service *service, char text[VPC_LB_SERVICE_TEXT]);

struct vpc_lb_vip {
	struct vpc_lb_service service;
	uint32_t table_size;  /* of its Maglev table: a prime of 251 to 131071; 0: 16381 */
	uint32_t connections; /* flows that are remembered; 0: 262144 */
	bool affinity;        /* all flows of a client's address go to one backend */
};

/* Adds a VIP without backends. -EEXIST if it is there with other properties; 0 if with the same. -ENOSPC: there are too many. */
VPC_API int vpc_lb_vip_add(struct vpc_lb *lb, const struct vpc_lb_vip *vip, struct vpc_error *error);
/* Removes a VIP with its backends and flows. -ENOENT if there is none. */
VPC_API int vpc_lb_vip_remove(struct vpc_lb *lb, const struct vpc_lb_service *service, struct vpc_error *error);
/* Calls visit for every VIP until it returns non-zero, which is returned. */
VPC_API int vpc_lb_vip_each(struct vpc_lb *lb, int (*visit)(const struct vpc_lb_vip *vip, void *context), void *context, struct vpc_error *error);

/* ---- backends ---- */

struct vpc_lb_backend {
	uint8_t address[16];
	uint32_t weight; /* 1 to 1000: its share of new flows against the others' */
	bool draining;   /* keeps its flows, gets no new one */
	bool down;       /* as vpc_lb_backend_set_down() said: gets nothing */

	/* Of vpc_lb_backend_each() only: */
	uint8_t source[16];     /* of the outer header: whom the backend must believe. Zero: no route yet */
	bool has_next_hop;      /* there is a route, and its MAC address is known; else it gets nothing */
	uint32_t mtu;           /* of the way there */
	uint64_t packets, bytes;
};

/*
 * Adds a backend, or changes weight and draining of the one with that address. Flows that are remembered stay where they
 * are; of the others hardly more move than must. -ENOENT if there is no such VIP, -ENOSPC if there are too many backends.
 */
VPC_API int vpc_lb_backend_set(struct vpc_lb *lb, const struct vpc_lb_service *service, const struct vpc_lb_backend *backend, struct vpc_error *error);
/* Removes it at once: its flows go to others, which do not know them. -ENOENT if there is none. */
VPC_API int vpc_lb_backend_remove(struct vpc_lb *lb, const struct vpc_lb_service *service, const uint8_t address[16], struct vpc_error *error);
/* What a health check found. Returns 1 if it changed something, 0 if it was so before. */
VPC_API int vpc_lb_backend_set_down(struct vpc_lb *lb, const struct vpc_lb_service *service, const uint8_t address[16], bool down, struct vpc_error *error);
VPC_API int vpc_lb_backend_each(struct vpc_lb *lb, const struct vpc_lb_service *service, int (*visit)(const struct vpc_lb_backend *backend, void *context), void *context, struct vpc_error *error);

/*
 * Asks the kernel for routes and neighbours of all backends, makes it resolve those that it does not know or has not
 * confirmed lately, and writes what changed. To be called every few seconds, and soon after backends were added: they get
 * their share once their next hop is known. Returns how many backends have none.
 */
VPC_API int vpc_lb_refresh(struct vpc_lb *lb, struct vpc_error *error);

/* ---- counters ---- */

struct vpc_lb_count {
	const char *name, *description; /* "NEW_FLOW", "TOO_BIG" */
	bool is_drop;
	uint64_t count;
};

/* Events and drops of a VIP; service NULL: of packets that belong to no VIP, as far as they are counted. Zeros are left out. */
VPC_API int vpc_lb_count_each(struct vpc_lb *lb, const struct vpc_lb_service *service, int (*visit)(const struct vpc_lb_count *count, void *context), void *context, struct vpc_error *error);

/* Whether each dropped packet is told in the pinned ring buffer "drop_events" (bpf/lb_maps.h has its records). */
VPC_API int vpc_lb_set_drop_events(struct vpc_lb *lb, bool on, struct vpc_error *error);

/* ---- backends' side ---- */

struct vpc_lb_decap_options {
	size_t size;
	const char *interface;
	const char *pin_directory; /* NULL: "/sys/fs/bpf/libvpc" */
	enum vpc_direction direction; /* VPC_XDP or, for tc, VPC_INGRESS */
	enum vpc_hook hook;        /* of that direction; AUTO: the best that there is */
	const uint8_t (*balancers)[16]; /* believed senders */
	size_t balancer_count;
	const uint8_t (*vips)[16]; /* addresses that packets inside may have */
	size_t vip_count;
};

/*
 * Unwraps what named balancers send for named VIPs, and passes everything else untouched. Called again it makes the two
 * lists exactly these, under traffic, and moves to another hook. The lists hold 1024 entries each.
 */
VPC_API int vpc_lb_decap_attach(const struct vpc_lb_decap_options *options, struct vpc_error *error);
/* Detaches and removes all state. -ENOENT if there is none. */
VPC_API int vpc_lb_decap_detach(const struct vpc_lb_decap_options *options, struct vpc_error *error);

struct vpc_lb_decap_counts {
	uint64_t unwrapped, foreign_sender, foreign_vip, malformed, failed;
};
VPC_API int vpc_lb_decap_read(const struct vpc_lb_decap_options *options, struct vpc_lb_decap_counts *ret_counts, struct vpc_error *error);

#ifdef __cplusplus
}
#endif

#endif
