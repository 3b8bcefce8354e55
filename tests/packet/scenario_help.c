// SPDX-License-Identifier: Apache-2.0
#include "scenarios.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <time.h>

void drain(void) {
	static struct frame frame;
	for (enum wire wire = 0; wire < WIRES; wire++)
		while (wire_receive(wire, &frame, 0))
			;
}

static socklen_t address_of(enum who who, int family, uint16_t port, struct sockaddr_storage *ret_address) {
	memset(ret_address, 0, sizeof *ret_address);
	if (family == 4) {
		struct sockaddr_in *address = (void *)ret_address;
		address->sin_family = AF_INET;
		address->sin_port = htons(port);
		memcpy(&address->sin_addr, who_ipv4(who), 4);
		return sizeof *address;
	}
	struct sockaddr_in6 *address = (void *)ret_address;
	address->sin6_family = AF_INET6;
	address->sin6_port = htons(port);
	memcpy(&address->sin6_addr, who_ipv6(who), 16);
	return sizeof *address;
}

/* A socket in the namespace, bound to the address. */
int open_socket(int namespace_fd, int type, enum who who, int family, uint16_t port) {
	struct sockaddr_storage address;
	socklen_t length = address_of(who, family, port, &address);
	int one = 1, room = 4 << 20;
	world_enter(namespace_fd);
	int fd = socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	struct timeval timeout = {.tv_sec = DEADLINE / 1000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	world_enter(world.node_namespace);
	return fd;
}

void connect_to(int fd, enum who who, int family, uint16_t port) {
	struct sockaddr_storage address;
	socklen_t length = address_of(who, family, port, &address);
	if (connect(fd, (struct sockaddr *)&address, length))
		fail_msg("cannot connect to port %d over IPv%d: %s", port, family, strerror(errno));
}

double seconds(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

enum vpc_drop_reason wait_for_drops(uint64_t count, uint64_t *ret_count) {
	uint32_t network, reason = VPC_DROP_NONE;
	double start = seconds();
	do
		*ret_count = world_drops(&network, &reason);
	while (*ret_count < count && seconds() - start < DEADLINE / 1000.0);
	return reason;
}

void send_from_outside(const struct layer *layers, int family) {
	static struct frame frame;
	frame_build(layers, family, &frame);
	memcpy(frame.bytes, (uint8_t[]){2, 0xdd, 0, 0, 0, WIRE_OUTSIDE}, 6);
	wire_send(WIRE_OUTSIDE, &frame);
}

bool has_addresses(const struct frame *frame, int family, const uint8_t *source, enum who destination) {
	const uint8_t *at = frame->bytes + ETH_HLEN + (family == 4 ? 12 : 8);
	size_t width = family == 4 ? 4 : 16;
	return !memcmp(at, source, width) && !memcmp(at + width, family == 4 ? who_ipv4(destination) : who_ipv6(destination), width);
}
