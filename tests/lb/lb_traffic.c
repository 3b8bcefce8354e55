// SPDX-License-Identifier: Apache-2.0
//
// Many TCP connections, and who served them.
//
//   lb_traffic server PORT NAME
//       answers every request with its name, on both families; "ready" when it listens
//   lb_traffic client ADDRESS PORT TOTAL AT-ONCE REQUESTS PAUSE BYTES
//       opens TOTAL connections, AT-ONCE of them at the same time, with REQUESTS requests of BYTES each and PAUSE
//       milliseconds in between; tells "done N" as it goes, and at the end
//         served NAME CONNECTIONS    whole ones, by the name that answered all of their requests
//         broken NAME CONNECTIONS    others: reset, silent for too long, or answered by a second name; "-": never answered

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { NAME = 16, NAMES = 64, EVENTS = 256, SILENCE = 5000 /* milliseconds */, PROGRESS = 500 };

__attribute__((noreturn, format(printf, 1, 2)))
static void fail(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	fputs("lb_traffic: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

static uint64_t now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void watch(int epoll, int fd, uint32_t events, uint64_t data) {
	struct epoll_event event = {.events = events, .data.u64 = data};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) && epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event))
		fail("epoll: %s", strerror(errno));
}

/* ---- server ---- */

static int listen_on(uint16_t port) {
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int one = 1, zero = 0, fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096))
		fail("port %u: %s", port, strerror(errno));
	return fd;
}

static void answer(int fd, const char *reply) {
	char request[256];
	ssize_t length = read(fd, request, sizeof request);
	if (length <= 0 && !(length < 0 && errno == EAGAIN))
		close(fd);
	for (ssize_t i = 0; i < length; i++)
		if (request[i] == '\n' && write(fd, reply, strlen(reply)) < 0)
			return;
}

__attribute__((noreturn))
static void serve(uint16_t port, const char *name) {
	struct epoll_event events[EVENTS];
	char reply[NAME + 1];
	int epoll = epoll_create1(0), listener = listen_on(port);
	snprintf(reply, sizeof reply, "%.14s\n", name);
	watch(epoll, listener, EPOLLIN, (uint64_t)listener);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < count; i++) {
			int fd = (int)events[i].data.u64, accepted;
			if (fd != listener) {
				answer(fd, reply);
				continue;
			}
			while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
				watch(epoll, accepted, EPOLLIN, (uint64_t)accepted);
		}
	}
}

/* ---- client ---- */

struct connection {
	int fd; /* -1: none */
	uint32_t requests_left;
	uint64_t deadline, next_request; /* milliseconds; next_request 0: an answer is due */
	char name[NAME];
	char line[NAME];
	size_t length;
};

struct tally {
	char name[NAME];
	uint64_t served, broken;
};

static struct {
	struct sockaddr_storage address;
	socklen_t address_length;
	uint64_t total, started, done;
	uint32_t at_once, requests, pause;
	char *request;
	size_t request_length;
	int epoll;
	struct connection *connections;
	struct tally tallies[NAMES];
} client;

static struct tally *tally_of(const char *name) {
	for (size_t i = 0; i < NAMES; i++) {
		struct tally *tally = &client.tallies[i];
		if (!tally->name[0])
			snprintf(tally->name, sizeof tally->name, "%s", name);
		if (strcmp(tally->name, name) == 0)
			return tally;
	}
	fail("more than %d names answer", NAMES);
}

static void finish(struct connection *connection, bool is_whole) {
	struct tally *tally = tally_of(connection->name[0] ? connection->name : "-");
	if (is_whole)
		tally->served++;
	else
		tally->broken++;
	close(connection->fd);
	connection->fd = -1;
	if (++client.done % PROGRESS == 0) {
		printf("done %" PRIu64 "\n", client.done);
		fflush(stdout);
	}
}

static void send_request(struct connection *connection) {
	connection->next_request = 0;
	connection->deadline = now() + SILENCE;
	if (send(connection->fd, client.request, client.request_length, MSG_NOSIGNAL) != (ssize_t)client.request_length)
		finish(connection, false);
}

static void start(size_t index) {
	struct connection *connection = &client.connections[index];
	int one = 1;
	memset(connection, 0, sizeof *connection);
	connection->fd = socket(client.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	connection->requests_left = client.requests;
	connection->deadline = now() + SILENCE;
	client.started++;
	if (connection->fd < 0)
		fail("socket: %s", strerror(errno));
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(connection->fd, (struct sockaddr *)&client.address, client.address_length) && errno != EINPROGRESS) {
		finish(connection, false);
		return;
	}
	watch(client.epoll, connection->fd, EPOLLOUT, index);
}

/* A whole line is the name of who answered. */
static void take_answer(struct connection *connection) {
	connection->line[connection->length] = '\0';
	connection->length = 0;
	if (!connection->name[0])
		memcpy(connection->name, connection->line, sizeof connection->name);
	if (strcmp(connection->name, connection->line) != 0)
		finish(connection, false);
	else if (--connection->requests_left == 0)
		finish(connection, true);
	else if (client.pause == 0)
		send_request(connection);
	else
		connection->next_request = now() + client.pause;
	if (connection->next_request)
		connection->deadline = connection->next_request + SILENCE;
}

static void read_answer(struct connection *connection) {
	char byte;
	for (;;) {
		ssize_t length = read(connection->fd, &byte, 1);
		if (length < 0 && errno == EAGAIN)
			return;
		if (length <= 0 || connection->length == NAME - 1) {
			finish(connection, false);
			return;
		}
		if (byte != '\n') {
			connection->line[connection->length++] = byte;
			continue;
		}
		take_answer(connection);
		return;
	}
}

static void handle(size_t index, uint32_t events) {
	struct connection *connection = &client.connections[index];
	if (connection->fd < 0)
		return;
	if (events & (EPOLLERR | EPOLLHUP)) {
		finish(connection, false);
	} else if (events & EPOLLOUT) {
		watch(client.epoll, connection->fd, EPOLLIN, index);
		send_request(connection);
	} else {
		read_answer(connection);
	}
}

static void look_at_clock(void) {
	uint64_t time = now();
	for (uint32_t i = 0; i < client.at_once; i++) {
		struct connection *connection = &client.connections[i];
		if (connection->fd >= 0 && connection->next_request && time >= connection->next_request)
			send_request(connection);
		else if (connection->fd >= 0 && time >= connection->deadline)
			finish(connection, false);
		if (connection->fd < 0 && client.started < client.total)
			start(i);
	}
}

static void run_client(void) {
	struct epoll_event events[EVENTS];
	client.epoll = epoll_create1(0);
	client.connections = calloc(client.at_once, sizeof *client.connections);
	for (uint32_t i = 0; i < client.at_once; i++)
		client.connections[i].fd = -1;
	while (client.done < client.total) {
		look_at_clock();
		int count = epoll_wait(client.epoll, events, EVENTS, 1);
		for (int i = 0; i < count; i++)
			handle(events[i].data.u64, events[i].events);
	}
	for (size_t i = 0; i < NAMES && client.tallies[i].name[0]; i++) {
		printf("served %s %" PRIu64 "\n", client.tallies[i].name, client.tallies[i].served);
		printf("broken %s %" PRIu64 "\n", client.tallies[i].name, client.tallies[i].broken);
	}
}

static void read_address(const char *address, uint16_t port) {
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)&client.address;
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&client.address;
	if (inet_pton(AF_INET, address, &ipv4->sin_addr) == 1) {
		ipv4->sin_family = AF_INET;
		ipv4->sin_port = htons(port);
		client.address_length = sizeof *ipv4;
	} else if (inet_pton(AF_INET6, address, &ipv6->sin6_addr) == 1) {
		ipv6->sin6_family = AF_INET6;
		ipv6->sin6_port = htons(port);
		client.address_length = sizeof *ipv6;
	} else {
		fail("%s is no address", address);
	}
}

int main(int argc, char **argv) {
	struct rlimit files = {65536, 65536};
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && strcmp(argv[1], "server") == 0)
		serve((uint16_t)atoi(argv[2]), argv[3]);
	if (argc != 9 || strcmp(argv[1], "client") != 0)
		fail("usage: lb_traffic server PORT NAME | client ADDRESS PORT TOTAL AT-ONCE REQUESTS PAUSE BYTES");
	read_address(argv[2], (uint16_t)atoi(argv[3]));
	client.total = strtoull(argv[4], NULL, 10);
	client.at_once = (uint32_t)atoi(argv[5]);
	client.requests = (uint32_t)atoi(argv[6]);
	client.pause = (uint32_t)atoi(argv[7]);
	client.request_length = strtoull(argv[8], NULL, 10);
	client.request = malloc(client.request_length);
	if (!client.request || client.request_length == 0)
		fail("no request of %s bytes can be made", argv[8]);
	memset(client.request, '?', client.request_length);
	client.request[client.request_length - 1] = '\n';
	run_client();
	return 0;
}
