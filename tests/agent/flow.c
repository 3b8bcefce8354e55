// SPDX-License-Identifier: Apache-2.0
/*
 * A flow of numbered UDP packets, and what became of it.
 *
 *	flow send NAME PORT[:FROM_PORT] ADDRESS...
 *		sends one packet a millisecond to each address, from that port or any, numbered from 0; on SIGTERM prints how many
 *		each address got
 *	flow receive NAME PORT
 *		prints "listening"; on SIGTERM, once no more packets come or after a second, prints for each family
 *		"FAMILY received=N missing=N repeated=N first_missing=N earliest=MICROSECONDS" of the packets of NAME, and
 *		"foreign=N" of all others; missing are those below the highest number that came, received counts each number once,
 *		earliest is when the oldest of them was sent, since 1970
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_NANOSECONDS 1000000
#define LONGEST_DELAY_NANOSECONDS 50000000
#define MOST_ADDRESSES 16
#define MOST_NUMBERS (1 << 20)
#define QUIET_MILLISECONDS 300
#define LAST_MICROSECONDS 1000000
#define ROOM_BYTES (64 << 20)

enum family { IPV4, IPV6, FAMILIES };
static const char *const FAMILY_NAMES[FAMILIES] = {"IPv4", "IPv6"};

struct packet {
	char name[16];
	uint32_t family; /* enum family */
	uint32_t number;
	uint64_t sent; /* microseconds since 1970: all clocks here are one machine's */
};

struct target {
	int fd;
	enum family family;
};

struct stream {
	uint8_t seen[MOST_NUMBERS];
	uint32_t received, repeated, end; /* end: one above the highest number */
	uint64_t earliest;
};

static volatile sig_atomic_t ending;

static void end(int signal) {
	(void)signal;
	ending = 1;
}

static _Noreturn void give_up(const char *what) {
	perror(what);
	exit(EXIT_FAILURE);
}

static struct packet packet_of(const char *name) {
	struct packet packet = {0};
	snprintf(packet.name, sizeof packet.name, "%s", name);
	return packet;
}

static uint64_t now(void) {
	struct timespec time;
	clock_gettime(CLOCK_REALTIME, &time);
	return time.tv_sec * 1000000ull + time.tv_nsec / 1000;
}

/* ---- send ---- */

static struct sockaddr_in6 resolve(const char *text, uint16_t port, enum family *ret_family) {
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	char mapped[INET6_ADDRSTRLEN];
	*ret_family = strchr(text, ':') ? IPV6 : IPV4;
	snprintf(mapped, sizeof mapped, "%s%s", *ret_family == IPV4 ? "::ffff:" : "", text);
	if (inet_pton(AF_INET6, mapped, &address.sin6_addr) != 1) {
		fprintf(stderr, "%s is not an address\n", text);
		exit(EXIT_FAILURE);
	}
	return address;
}

/* Its own socket for each address: what the network says about one must not fail the packets to another. */
static struct target open_target(const char *text, uint16_t port, uint16_t from_port) {
	struct target target = {.fd = socket(AF_INET6, SOCK_DGRAM, 0)};
	struct sockaddr_in6 address = resolve(text, port, &target.family), from = {.sin6_family = AF_INET6, .sin6_port = htons(from_port)};
	int on = 1; /* a socket for each address, of one port */
	if (target.fd < 0 || (from_port && setsockopt(target.fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
		(from_port && bind(target.fd, (struct sockaddr *)&from, sizeof from) < 0) || connect(target.fd, (struct sockaddr *)&address, sizeof address) < 0)
		give_up(text);
	return target;
}

/*
 * An error of an earlier packet, such as port unreachable, is told in place of sending: once more then. What cannot be sent
 * at all is lost, as the receiver will tell.
 */
static void send_packet(const struct target *target, struct packet *packet) {
	packet->family = target->family;
	packet->sent = now();
	for (int attempt = 0; attempt < 3; attempt++)
		if (send(target->fd, packet, sizeof *packet, 0) == sizeof *packet)
			return;
}

/* Keeps the rate on a busy machine too, but no delay ends in a burst that overruns the kernel's queues. */
static void pace(struct timespec *next) {
	struct timespec now;
	next->tv_nsec += INTERVAL_NANOSECONDS;
	if (next->tv_nsec >= 1000000000) {
		next->tv_nsec -= 1000000000;
		next->tv_sec++;
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - next->tv_sec) * 1000000000L + now.tv_nsec - next->tv_nsec > LONGEST_DELAY_NANOSECONDS)
		*next = now;
}

/* `ports`: "PORT" or "PORT:FROM_PORT" */
static int send_flow(const char *name, const char *ports, char **addresses, int count) {
	struct target targets[MOST_ADDRESSES];
	struct packet packet = packet_of(name);
	struct timespec next;
	const char *from = strchr(ports, ':');
	for (int i = 0; i < count; i++)
		targets[i] = open_target(addresses[i], (uint16_t)atoi(ports), from ? (uint16_t)atoi(from + 1) : 0);
	signal(SIGTERM, end);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (; !ending && packet.number < MOST_NUMBERS; packet.number++) {
		for (int i = 0; i < count; i++)
			send_packet(&targets[i], &packet);
		pace(&next);
	}
	printf("%u\n", packet.number);
	return EXIT_SUCCESS;
}

/* ---- receive ---- */

static int listen_on(uint16_t port) {
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0), off = 0, room = ROOM_BYTES;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
		give_up("listen");
	return fd;
}

static void note(struct stream *stream, uint32_t number, uint64_t sent) {
	if (!stream->earliest || sent < stream->earliest)
		stream->earliest = sent;
	if (stream->seen[number])
		stream->repeated++;
	else
		stream->received++;
	stream->seen[number] = 1;
	if (number >= stream->end)
		stream->end = number + 1;
}

static void report(const char *family, const struct stream *stream) {
	uint32_t first = 0;
	while (first < stream->end && stream->seen[first])
		first++;
	printf("%s received=%u missing=%u repeated=%u first_missing=%u earliest=%llu\n", family, stream->received, stream->end - stream->received,
		stream->repeated, first, (unsigned long long)stream->earliest);
}

static int receive_flow(const char *name, uint16_t port) {
	static struct stream streams[FAMILIES];
	struct packet packet, own = packet_of(name);
	uint32_t foreign = 0;
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	struct pollfd waited[] = {{listen_on(port), POLLIN, 0}, {signalfd(-1, &signals, 0), POLLIN, 0}};
	printf("listening\n");
	fflush(stdout);
	uint64_t told = 0;
	while (poll(waited, told ? 1 : 2, told ? QUIET_MILLISECONDS : -1) > 0 && (!told || now() < told + LAST_MICROSECONDS)) {
		if (!told && waited[1].revents)
			told = now();
		for (ssize_t size; (size = recv(waited[0].fd, &packet, sizeof packet, 0)) >= 0;) {
			bool is_own = size == sizeof packet && memcmp(packet.name, own.name, sizeof own.name) == 0;
			if (is_own && packet.family < FAMILIES && packet.number < MOST_NUMBERS)
				note(&streams[packet.family], packet.number, packet.sent);
			else
				foreign++;
		}
	}
	for (int family = 0; family < FAMILIES; family++)
		report(FAMILY_NAMES[family], &streams[family]);
	printf("foreign=%u\n", foreign);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
	if (argc > 4 && argc <= 4 + MOST_ADDRESSES && strcmp(argv[1], "send") == 0)
		return send_flow(argv[2], argv[3], argv + 4, argc - 4);
	if (argc == 4 && strcmp(argv[1], "receive") == 0)
		return receive_flow(argv[2], (uint16_t)atoi(argv[3]));
	fprintf(stderr, "usage: flow send NAME PORT[:FROM_PORT] ADDRESS... | flow receive NAME PORT\n");
	return EXIT_FAILURE;
}
