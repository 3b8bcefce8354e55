/* SPDX-License-Identifier: Apache-2.0 */
/* What is read for the filter: lists of ports, times, ranges, and connections as ssh and /proc/net/tcp write them. */
#ifndef VPCCTL_FILTER_TEXT_H
#define VPCCTL_FILTER_TEXT_H

#include <netinet/in.h>
#include <vpc/vpc.h>

/* Ports in the order in which they were named. Freed by port_list_free(). */
struct port_list {
	struct vpc_port *ports;
	size_t count, capacity;
};
void port_list_free(struct port_list *list);

/* Adds "tcp/22,udp/5000-5010,ip/47" with these flags. On failure -EINVAL or -ENOMEM, and the list is as it was. */
int port_list_add(struct port_list *list, const char *text, uint8_t flags, struct vpc_error *error);
/* Writes "tcp/22" or "ip/47". */
#define PORT_TEXT 16
const char *port_text(const struct vpc_port *port, char text[PORT_TEXT]);

/* "30s", "500ms", "5m", "1h": from 1 ms to a day. */
int read_time(const char *text, uint64_t *ret_nanoseconds, struct vpc_error *error);
/* "32768-60999", or "none", which is 65535 to 1. */
int read_range(const char *text, uint16_t *ret_first, uint16_t *ret_last, struct vpc_error *error);

/* The near side of a TCP connection; IPv4 addresses are IPv4-mapped. */
struct near_side {
	struct in6_addr address;
	uint16_t port;
};
/* "198.51.100.7 50022 10.0.0.1 22": what sshd puts into SSH_CONNECTION. Returns whether it is one. */
bool read_ssh_connection(const char *text, struct near_side *ret_side);
/* A line of /proc/net/tcp or tcp6. Returns whether it is a socket, and its state (1 established, 10 listening). */
bool read_socket_line(const char *line, struct near_side *ret_side, unsigned *ret_state);

#endif
