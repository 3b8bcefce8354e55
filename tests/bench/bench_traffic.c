// SPDX-License-Identifier: Apache-2.0
//
// Real traffic between two Pods, one number a run on stdout.
//
//   bench_traffic serve                  answers for the three below, until it is killed
//   bench_traffic tcp ADDRESS SECONDS    throughput in Gb/s
//   bench_traffic rtt ADDRESS COUNT      median round trip of a 64-byte UDP packet in microseconds
//   bench_traffic udp ADDRESS COUNT      64-byte UDP packets received for each second that CPUs of this machine were busy

#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TCP_PORT = 7001, ECHO_PORT = 7002, SINK_PORT = 7003, PAYLOAD = 64, BATCH = 64 };

static struct sockaddr_in address_of(const char *address, int port) {
	struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons(port)};
	if (inet_pton(AF_INET, address, &result.sin_addr) != 1)
		bench_fail("'%s' is no IPv4 address", address);
	return result;
}

static int open_socket(int type, const char *address, int port, int serves) {
	struct sockaddr_in end = address_of(address, port);
	int fd = socket(AF_INET, type, 0), one = 1, room = 8 << 20;
	struct timeval patience = {.tv_sec = 2};
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	if (!serves)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if ((serves ? bind : connect)(fd, (struct sockaddr *)&end, sizeof end))
		bench_fail("%s port %d: %s", address, port, strerror(errno));
	return fd;
}

static void *swallow_tcp(void *unused) {
	static char buffer[1 << 20];
	int listening = open_socket(SOCK_STREAM, "0.0.0.0", TCP_PORT, 1);
	(void)unused;
	listen(listening, 1);
	for (;;) {
		int fd = accept(listening, NULL, NULL);
		uint64_t total = 0, start = bench_now();
		for (ssize_t part; (part = recv(fd, buffer, sizeof buffer, 0)) > 0;)
			total += (uint64_t)part;
		double speed = (double)total * 8 / (double)(bench_now() - start);
		send(fd, &speed, sizeof speed, MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static void *echo(void *unused) {
	int fd = open_socket(SOCK_DGRAM, "0.0.0.0", ECHO_PORT, 1);
	char buffer[PAYLOAD];
	(void)unused;
	for (;;) {
		struct sockaddr_in peer;
		socklen_t length = sizeof peer;
		ssize_t received = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &length);
		if (received > 0)
			sendto(fd, buffer, (size_t)received, 0, (struct sockaddr *)&peer, length);
	}
	return NULL;
}

/* Counts packets; a packet of another length asks for the count, and resets it. */
static void *sink(void *unused) {
	static char buffers[BATCH][PAYLOAD];
	static struct mmsghdr messages[BATCH];
	static struct iovec parts[BATCH];
	static struct sockaddr_in peers[BATCH];
	int fd = open_socket(SOCK_DGRAM, "0.0.0.0", SINK_PORT, 1);
	uint64_t count = 0;
	(void)unused;
	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){buffers[i], PAYLOAD};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1, .msg_name = &peers[i]};
	}
	for (;;) {
		for (int i = 0; i < BATCH; i++)
			messages[i].msg_hdr.msg_namelen = sizeof peers[i];
		int received = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < received; i++) {
			if (messages[i].msg_len == PAYLOAD) {
				count++;
				continue;
			}
			sendto(fd, &count, sizeof count, 0, (struct sockaddr *)&peers[i], sizeof peers[i]);
			count = 0;
		}
	}
	return NULL;
}

static void serve(void) {
	pthread_t threads[2];
	pthread_create(&threads[0], NULL, echo, NULL);
	pthread_create(&threads[1], NULL, sink, NULL);
	swallow_tcp(NULL);
}

static double measure_tcp(const char *address, double seconds) {
	static char buffer[1 << 17];
	int fd = open_socket(SOCK_STREAM, address, TCP_PORT, 0);
	double speed = 0;
	for (uint64_t end = bench_now() + (uint64_t)(seconds * 1e9); bench_now() < end;)
		if (send(fd, buffer, sizeof buffer, MSG_NOSIGNAL) < 0)
			bench_fail("send: %s", strerror(errno));
	shutdown(fd, SHUT_WR);
	if (recv(fd, &speed, sizeof speed, MSG_WAITALL) != sizeof speed)
		bench_fail("the receiver told no speed");
	return speed;
}

static double measure_round_trip(const char *address, size_t count) {
	int fd = open_socket(SOCK_DGRAM, address, ECHO_PORT, 0);
	char buffer[PAYLOAD] = {0};
	struct bench_samples samples = {calloc(count, sizeof(double)), count};
	for (size_t i = 0; i < count; i++) {
		uint64_t start = bench_now();
		if (send(fd, buffer, sizeof buffer, 0) < 0 || recv(fd, buffer, sizeof buffer, 0) < 0)
			bench_fail("no echo from %s: %s", address, strerror(errno));
		samples.values[i] = (double)(bench_now() - start) / 1000;
	}
	return bench_percentile(&samples, 0.5);
}

/* Seconds that all CPUs together were busy, from /proc/stat. */
static double busy_seconds(void) {
	uint64_t user, nice, system, idle, waiting, irq, softirq;
	FILE *file = fopen("/proc/stat", "r");
	if (!file || fscanf(file, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &user, &nice, &system, &idle, &waiting,
			&irq, &softirq) != 7)
		bench_fail("/proc/stat cannot be read");
	fclose(file);
	return (double)(user + nice + system + irq + softirq) / (double)sysconf(_SC_CLK_TCK);
}

static uint64_t ask_sink(int fd) {
	uint64_t count;
	for (int attempt = 0; attempt < 5; attempt++)
		if (send(fd, "?", 1, 0) == 1 && recv(fd, &count, sizeof count, 0) == sizeof count)
			return count;
	bench_fail("the sink does not tell its count");
}

static double measure_packets(const char *address, size_t count) {
	static char payload[PAYLOAD];
	struct mmsghdr messages[BATCH] = {0};
	struct iovec part = {payload, PAYLOAD};
	int fd = open_socket(SOCK_DGRAM, address, SINK_PORT, 0);
	for (int i = 0; i < BATCH; i++)
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
	ask_sink(fd);
	double before = busy_seconds();
	for (size_t sent = 0; sent < count;) {
		int part_sent = sendmmsg(fd, messages, BATCH, 0);
		if (part_sent <= 0)
			bench_fail("sendmmsg: %s", strerror(errno));
		sent += (size_t)part_sent;
	}
	uint64_t received = ask_sink(fd);
	return (double)received / (busy_seconds() - before);
}

int main(int argc, char **argv) {
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		serve();
	if (argc != 4)
		bench_fail("usage: bench_traffic serve | tcp|rtt|udp ADDRESS AMOUNT");
	if (strcmp(argv[1], "tcp") == 0)
		printf("%.6g\n", measure_tcp(argv[2], atof(argv[3])));
	else if (strcmp(argv[1], "rtt") == 0)
		printf("%.6g\n", measure_round_trip(argv[2], (size_t)atol(argv[3])));
	else
		printf("%.6g\n", measure_packets(argv[2], (size_t)atol(argv[3])));
	return 0;
}
