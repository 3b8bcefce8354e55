// SPDX-License-Identifier: Apache-2.0
#include "filter_management.h"

#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter_text.h"

enum { MOST_ADDRESSES = 64, ESTABLISHED = 1, LISTENING = 10 };

struct ports {
	uint8_t bits[65536 / 8];
};

static void add_port(struct ports *ports, uint16_t port) {
	ports->bits[port / 8] |= (uint8_t)(1 << port % 8);
}

static bool has_port(const struct ports *ports, uint16_t port) {
	return ports->bits[port / 8] & 1 << port % 8;
}

struct addresses {
	struct in6_addr list[MOST_ADDRESSES];
	size_t count;
};

static void add_address(const struct sockaddr *address, struct addresses *addresses) {
	struct in6_addr *added = &addresses->list[addresses->count];
	if (addresses->count == MOST_ADDRESSES)
		return;
	if (address->sa_family == AF_INET6) {
		*added = ((const struct sockaddr_in6 *)address)->sin6_addr;
		addresses->count++;
	} else if (address->sa_family == AF_INET) {
		*added = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
		memcpy(&added->s6_addr[12], &((const struct sockaddr_in *)address)->sin_addr, 4);
		addresses->count++;
	}
}

static void find_addresses(const char *interface, struct addresses *ret_addresses) {
	struct ifaddrs *all = NULL;
	ret_addresses->count = 0;
	if (getifaddrs(&all))
		return;
	for (const struct ifaddrs *at = all; at; at = at->ifa_next)
		if (at->ifa_addr && strcmp(at->ifa_name, interface) == 0)
			add_address(at->ifa_addr, ret_addresses);
	freeifaddrs(all);
}

static bool is_over(const struct addresses *addresses, const struct in6_addr *near) {
	for (size_t i = 0; i < addresses->count; i++)
		if (memcmp(&addresses->list[i], near, sizeof *near) == 0)
			return true;
	return addresses->count == 0 && !IN6_IS_ADDR_LOOPBACK(near) && near->s6_addr[12] != 127;
}

/* Adds the near ports of all sockets in that state; of established ones, of those over the interface. */
static void read_sockets(const char *path, unsigned wanted, const struct addresses *addresses, struct ports *ports) {
	FILE *file = fopen(path, "re");
	char line[512];
	while (file && fgets(line, sizeof line, file)) {
		struct near_side side;
		unsigned state;
		if (read_socket_line(line, &side, &state) && state == wanted && (!addresses || is_over(addresses, &side.address)))
			add_port(ports, side.port);
	}
	if (file)
		fclose(file);
}

static void warn(const char *interface, uint16_t port, const char *whose) {
	fprintf(stderr,
		"vpcctl: warning: %s over %s to tcp/%u, which is not allowed: what stands goes on, but nobody can connect anew; allow tcp/%u, or give "
		"--confirm-within\n",
		whose, interface, port, port);
}

void warn_of_management(const char *interface, bool (*is_open)(uint16_t port, const void *context), const void *context) {
	static struct ports listening, established;
	const char *ssh = getenv("SSH_CONNECTION");
	struct addresses addresses;
	struct near_side own = {.port = 0};

	find_addresses(interface, &addresses);
	if (ssh && read_ssh_connection(ssh, &own) && is_over(&addresses, &own.address) && !is_open(own.port, context))
		warn(interface, own.port, "this session comes");
	else
		own.port = 0;
	read_sockets("/proc/net/tcp", LISTENING, NULL, &listening);
	read_sockets("/proc/net/tcp6", LISTENING, NULL, &listening);
	read_sockets("/proc/net/tcp", ESTABLISHED, &addresses, &established);
	read_sockets("/proc/net/tcp6", ESTABLISHED, &addresses, &established);
	for (unsigned port = 1; port <= 65535; port++)
		if (has_port(&listening, (uint16_t)port) && has_port(&established, (uint16_t)port) && port != own.port && !is_open((uint16_t)port, context))
			warn(interface, (uint16_t)port, "connections come");
}
