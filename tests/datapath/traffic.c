// SPDX-License-Identifier: Apache-2.0
#include "traffic.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PORT = 7000,
	TRIES = 10, /* the first packets may wait for a neighbour to be resolved */
	ARRIVAL_MILLISECONDS = 200,
	ABSENCE_MILLISECONDS = 50, /* on this machine what arrives does so within a few */
};

const char *const TRAFFIC_NAMES[TRAFFICS] = {"UDP", "TCP", "ping"};

static socklen_t socket_address(const struct pod *pod, bool ipv6, struct sockaddr_storage *ret_address) {
	memset(ret_address, 0, sizeof *ret_address);
	if (ipv6) {
		struct sockaddr_in6 *address = (struct sockaddr_in6 *)ret_address;
		address->sin6_family = AF_INET6;
		address->sin6_port = htons(PORT);
		memcpy(&address->sin6_addr, pod->vpc.ipv6, sizeof address->sin6_addr);
		return sizeof *address;
	}
	struct sockaddr_in *address = (struct sockaddr_in *)ret_address;
	address->sin_family = AF_INET;
	address->sin_port = htons(PORT);
	memcpy(&address->sin_addr, pod->vpc.ipv4, sizeof address->sin_addr);
	return sizeof *address;
}

static int open_socket(const struct pod *pod, bool ipv6, int type) {
	struct sockaddr_storage address;
	const int on = 1;
	enter(pod->netns);
	int fd = socket(ipv6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	socklen_t length = socket_address(pod, ipv6, &address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

int udp_open(const struct pod *pod, bool ipv6) {
	return open_socket(pod, ipv6, SOCK_DGRAM);
}

void udp_send(int fd, const struct pod *to, bool ipv6, const char *text) {
	struct sockaddr_storage address;
	socklen_t length = socket_address(to, ipv6, &address);
	sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address, length); /* refused or not: what arrives counts */
}

void udp_receive(int fd, int milliseconds, char ret_text[64]) {
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	ssize_t length = poll(&waiting, 1, milliseconds) == 1 ? recv(fd, ret_text, 63, 0) : 0;
	ret_text[length > 0 ? length : 0] = '\0';
}

static bool udp_passes(const struct pod *from, const struct pod *to, bool ipv6, bool is_expected) {
	int sender = udp_open(from, ipv6), receiver = udp_open(to, ipv6);
	char text[64] = "";
	for (int i = 0; i < (is_expected ? TRIES : 1) && !text[0]; i++) {
		udp_send(sender, to, ipv6, "hello");
		udp_receive(receiver, is_expected ? ARRIVAL_MILLISECONDS : ABSENCE_MILLISECONDS, text);
	}
	close(sender);
	close(receiver);
	return strcmp(text, "hello") == 0;
}

static bool tcp_passes(const struct pod *from, const struct pod *to, bool ipv6, bool is_expected) {
	struct sockaddr_storage address;
	int client = open_socket(from, ipv6, SOCK_STREAM), server = open_socket(to, ipv6, SOCK_STREAM), error = -1;
	socklen_t length = socket_address(to, ipv6, &address), size = sizeof error;
	assert_int_equal(listen(server, 1), 0);
	connect(client, (struct sockaddr *)&address, length);
	struct pollfd waiting = {.fd = client, .events = POLLOUT};
	bool connected = poll(&waiting, 1, is_expected ? 5000 : ABSENCE_MILLISECONDS) == 1 &&
		getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
	close(client);
	close(server);
	return connected;
}

static bool ping_passes(const struct pod *from, const struct pod *to, bool ipv6, bool is_expected) {
	char address[INET6_ADDRSTRLEN], command[128];
	inet_ntop(ipv6 ? AF_INET6 : AF_INET, ipv6 ? to->vpc.ipv6 : to->vpc.ipv4, address, sizeof address);
	snprintf(command, sizeof command, "ping -q -n -c 1 -W %s %s >/dev/null 2>&1", is_expected ? "5" : "0.05", address);
	enter(from->netns);
	return system(command) == 0;
}

bool passes(const struct pod *from, const struct pod *to, enum traffic traffic, bool ipv6, bool is_expected) {
	switch (traffic) {
	case UDP: return udp_passes(from, to, ipv6, is_expected);
	case TCP: return tcp_passes(from, to, ipv6, is_expected);
	default: return ping_passes(from, to, ipv6, is_expected);
	}
}
