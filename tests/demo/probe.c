// SPDX-License-Identifier: Apache-2.0
/*
 * Who answers whom: one process in each Pod answers, one asks all the others at once.
 *
 *	probe serve NAME PORT
 *		binds TCP and UDP of both families, goes to the background, and answers everything with NAME
 *	probe ask MILLISECONDS PORT [+]NAME=ADDRESS[@PORT]...
 *		tries ICMP echo, TCP and UDP for each address, or TCP and UDP alone for one with a port of its own, prints
 *		"NAME FAMILY PROTOCOL yes|no" for each when time is up, in the order of the arguments; yes: an answer came back, and
 *		over TCP and UDP it was NAME's. Answers of +NAME are waited for beyond that time: a slow machine is no reason for a "no".
 *	probe send ADDRESS PORT
 *		sends what comes by standard input as one UDP packet
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_ATTEMPTS 512
#define LONGEST_NAME 64
#define RESEND_MILLISECONDS 200
#define AWAITED_MILLISECONDS 60000 /* guards against waiting for ever */

enum protocol { ICMP, TCP, UDP, PROTOCOLS };
static const char *const PROTOCOL_NAMES[PROTOCOLS] = {"ICMP", "TCP", "UDP"};

struct attempt {
	char name[LONGEST_NAME];
	int family;
	enum protocol protocol;
	struct sockaddr_storage address;
	socklen_t address_length;
	bool awaited, answered;
};

static _Noreturn void give_up(const char *what) {
	perror(what);
	exit(EXIT_FAILURE);
}

static int64_t now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* ---- serve ---- */

static int listen_on(int type, uint16_t port) {
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, type, 0), off = 0, on = 1;
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
		give_up("bind");
	if (type == SOCK_STREAM && listen(fd, MOST_ATTEMPTS) < 0)
		give_up("listen");
	return fd;
}

/* From the address that was asked: a node has several. */
static void answer_datagram(int fd, const char *name) {
	struct sockaddr_in6 peer;
	char ignored[64], control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct iovec bytes = {ignored, sizeof ignored};
	struct msghdr message = {.msg_name = &peer, .msg_namelen = sizeof peer, .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	if (recvmsg(fd, &message, 0) < 0 || !CMSG_FIRSTHDR(&message))
		return;
	((struct in6_pktinfo *)CMSG_DATA(CMSG_FIRSTHDR(&message)))->ipi6_ifindex = 0;
	bytes = (struct iovec){(void *)name, strlen(name)};
	sendmsg(fd, &message, 0);
}

static void answer_connection(int listener, const char *name) {
	int fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return;
	send(fd, name, strlen(name), MSG_NOSIGNAL);
	close(fd);
}

static int serve(const char *name, uint16_t port) {
	struct pollfd sockets[] = {{listen_on(SOCK_STREAM, port), POLLIN, 0}, {listen_on(SOCK_DGRAM, port), POLLIN, 0}};
	if (daemon(0, 0) < 0)
		give_up("daemon");
	while (poll(sockets, 2, -1) >= 0 || errno == EINTR) {
		if (sockets[0].revents)
			answer_connection(sockets[0].fd, name);
		if (sockets[1].revents)
			answer_datagram(sockets[1].fd, name);
	}
	return EXIT_FAILURE;
}

/* ---- ask ---- */

static void resolve(struct attempt *attempt, const char *address, uint16_t port) {
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&attempt->address;
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)&attempt->address;
	uint16_t used_port = attempt->protocol == ICMP ? 0 : htons(port);
	if (strchr(address, ':')) {
		*ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = used_port};
		attempt->address_length = sizeof *ipv6;
	} else {
		*ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = used_port};
		attempt->address_length = sizeof *ipv4;
	}
	attempt->family = attempt->address.ss_family;
	void *target = attempt->family == AF_INET6 ? (void *)&ipv6->sin6_addr : (void *)&ipv4->sin_addr;
	if (inet_pton(attempt->family, address, target) != 1)
		give_up(address);
}

/* Failing to connect, for want of a route, is a "no" like silence. */
static int open_attempt(const struct attempt *attempt) {
	static const int TYPES[PROTOCOLS] = {SOCK_RAW, SOCK_STREAM, SOCK_DGRAM};
	int protocol = attempt->protocol != ICMP ? 0 : attempt->family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	int fd = socket(attempt->family, TYPES[attempt->protocol] | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		give_up("socket");
	if (connect(fd, (const struct sockaddr *)&attempt->address, attempt->address_length) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

static uint16_t checksum(const uint16_t *words, size_t count) {
	uint32_t sum = 0;
	while (count--)
		sum += *words++;
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~(sum + (sum >> 16));
}

static void send_echo(int fd, int family) {
	struct icmphdr echo = {.type = family == AF_INET6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
	echo.un.echo.id = (uint16_t)getpid();
	echo.un.echo.sequence = (uint16_t)fd;
	if (family == AF_INET) /* the kernel computes that of ICMPv6 */
		echo.checksum = checksum((uint16_t *)&echo, sizeof echo / 2);
	send(fd, &echo, sizeof echo, 0);
}

static void send_question(int fd, const struct attempt *attempt) {
	if (attempt->protocol == ICMP)
		send_echo(fd, attempt->family);
	if (attempt->protocol == UDP)
		send(fd, "who", 3, 0);
}

static bool is_echo_reply(int fd, int family, const char *bytes, size_t length) {
	size_t offset = family == AF_INET ? (size_t)((const struct iphdr *)bytes)->ihl * 4 : 0;
	struct icmphdr reply;
	if (length < offset + sizeof reply)
		return false;
	memcpy(&reply, bytes + offset, sizeof reply);
	return reply.type == (family == AF_INET6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) && reply.un.echo.id == (uint16_t)getpid() && reply.un.echo.sequence == (uint16_t)fd;
}

static bool is_answer(int fd, const struct attempt *attempt) {
	char bytes[256];
	ssize_t length = recv(fd, bytes, sizeof bytes, 0);
	if (length < (ssize_t)sizeof(struct icmphdr) && attempt->protocol == ICMP)
		return false;
	if (attempt->protocol == ICMP)
		return is_echo_reply(fd, attempt->family, bytes, (size_t)length);
	return length == (ssize_t)strlen(attempt->name) && memcmp(bytes, attempt->name, (size_t)length) == 0;
}

static size_t plan(char **targets, int count, uint16_t port, struct attempt *ret_attempts) {
	size_t planned = 0;
	for (int i = 0; i < count; i++) {
		bool awaited = targets[i][0] == '+';
		char *name = targets[i] + awaited, *separator = strchr(name, '='), *own_port = strchr(name, '@');
		if (!separator || separator - name >= LONGEST_NAME || planned + PROTOCOLS > MOST_ATTEMPTS) {
			fprintf(stderr, "probe: '%s' is no NAME=ADDRESS, or there are too many\n", name);
			exit(EXIT_FAILURE);
		}
		if (own_port)
			*own_port = '\0';
		for (enum protocol protocol = own_port ? TCP : ICMP; protocol < PROTOCOLS; protocol++) {
			struct attempt *attempt = &ret_attempts[planned++];
			*attempt = (struct attempt){.protocol = protocol, .awaited = awaited};
			memcpy(attempt->name, name, separator - name);
			resolve(attempt, separator + 1, own_port ? (uint16_t)atoi(own_port + 1) : port);
		}
	}
	return planned;
}

/* Whether an answer is still to come that is waited for. */
static bool is_awaiting(const struct attempt *attempts, const struct pollfd *sockets, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (attempts[i].awaited && !attempts[i].answered && sockets[i].fd >= 0)
			return true;
	return false;
}

static int ask(int milliseconds, uint16_t port, char **targets, int target_count) {
	static struct attempt attempts[MOST_ATTEMPTS];
	static struct pollfd sockets[MOST_ATTEMPTS];
	size_t count = plan(targets, target_count, port, attempts);
	for (size_t i = 0; i < count; i++)
		sockets[i] = (struct pollfd){open_attempt(&attempts[i]), POLLIN, 0};

	int64_t deadline = now() + milliseconds, resend = now(), last = deadline + AWAITED_MILLISECONDS;
	while (now() < deadline || (now() < last && is_awaiting(attempts, sockets, count))) {
		if (now() >= resend) {
			for (size_t i = 0; i < count; i++)
				if (sockets[i].fd >= 0)
					send_question(sockets[i].fd, &attempts[i]);
			resend += RESEND_MILLISECONDS;
		}
		int64_t until = resend < deadline || now() >= deadline ? resend : deadline;
		poll(sockets, count, until > now() ? (int)(until - now()) : 0);
		for (size_t i = 0; i < count; i++) {
			if (sockets[i].fd < 0 || !sockets[i].revents)
				continue;
			attempts[i].answered = is_answer(sockets[i].fd, &attempts[i]);
			if (attempts[i].answered || attempts[i].protocol == TCP)
				sockets[i].fd = -1;
		}
	}
	for (size_t i = 0; i < count; i++)
		printf("%s IPv%c %s %s\n", attempts[i].name, attempts[i].family == AF_INET6 ? '6' : '4', PROTOCOL_NAMES[attempts[i].protocol], attempts[i].answered ? "yes" : "no");
	return EXIT_SUCCESS;
}

/* ---- send ---- */

static int send_input(const char *address, uint16_t port) {
	struct attempt attempt = {.protocol = UDP};
	char bytes[2048];
	size_t length = fread(bytes, 1, sizeof bytes, stdin);
	resolve(&attempt, address, port);
	int fd = open_attempt(&attempt);
	if (fd < 0 || send(fd, bytes, length, 0) != (ssize_t)length)
		give_up("send");
	return EXIT_SUCCESS;
}

int main(int count, char **arguments) {
	if (count == 4 && strcmp(arguments[1], "serve") == 0)
		return serve(arguments[2], (uint16_t)atoi(arguments[3]));
	if (count > 4 && strcmp(arguments[1], "ask") == 0)
		return ask(atoi(arguments[2]), (uint16_t)atoi(arguments[3]), arguments + 4, count - 4);
	if (count == 4 && strcmp(arguments[1], "send") == 0)
		return send_input(arguments[2], (uint16_t)atoi(arguments[3]));
	fprintf(stderr, "probe serve NAME PORT\nprobe ask MILLISECONDS PORT [+]NAME=ADDRESS[@PORT]...\nprobe send ADDRESS PORT\n");
	return 2;
}
