// SPDX-License-Identifier: Apache-2.0
/* One AF_XDP socket for each receive queue; what they receive goes into one pcap file, in the order in which it is read. */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>

#include "../cleanup.h"
#include "filter_pcap.h"
#include "filter_text.h"
#include "filter_verbs.h"

enum { FRAME_SIZE = 4096, FRAMES = 2048, BATCH = 64, MOST_QUEUES = 256 };

struct receiver {
	void *memory; /* frames, which the kernel fills */
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons completion, arrived;
};

struct capture {
	struct vpc_port_filter *filter;
	struct receiver receivers[MOST_QUEUES];
	struct pollfd polls[MOST_QUEUES];
	uint32_t queues;
	FILE *file;
	uint64_t wanted, written; /* packets; wanted 0: no end */
};

static volatile sig_atomic_t stopped;

static void stop(int number) {
	(void)number;
	stopped = 1;
}

static void close_receiver(struct receiver *receiver) {
	if (receiver->socket)
		xsk_socket__delete(receiver->socket);
	if (receiver->umem)
		xsk_umem__delete(receiver->umem);
	if (receiver->memory)
		munmap(receiver->memory, (size_t)FRAMES * FRAME_SIZE);
}

static void close_capture(struct capture **capture) {
	if (!*capture)
		return;
	for (uint32_t queue = 0; queue < (*capture)->queues; queue++)
		close_receiver(&(*capture)->receivers[queue]);
	vpc_port_filter_free((*capture)->filter);
	if ((*capture)->file && (*capture)->file != stdout)
		fclose((*capture)->file);
	free(*capture);
}

static uint32_t count_queues(const char *interface) {
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {.ifr_data = (void *)&channels};
	_cleanup_(close_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request))
		return 1; /* a device that does not tell has one */
	uint32_t queues = channels.rx_count + channels.combined_count;
	return queues < 1 ? 1 : queues > MOST_QUEUES ? MOST_QUEUES : queues;
}

/* Gives frames to the kernel to fill. */
static void give_frames(struct receiver *receiver, const uint64_t *addresses, uint32_t count) {
	uint32_t at = 0;
	if (xsk_ring_prod__reserve(&receiver->fill, count, &at) != count)
		return; /* never: the ring has room for all frames there are */
	for (uint32_t i = 0; i < count; i++)
		*xsk_ring_prod__fill_addr(&receiver->fill, at + i) = addresses[i];
	xsk_ring_prod__submit(&receiver->fill, count);
}

static void give_all_frames(struct receiver *receiver) {
	for (uint64_t frame = 0; frame < FRAMES; frame++)
		give_frames(receiver, &(uint64_t){frame * FRAME_SIZE}, 1);
}

/* On failure what was opened stays in the receiver. */
static int open_receiver(struct receiver *receiver, const char *interface, uint32_t queue) {
	const struct xsk_umem_config umem = {.fill_size = FRAMES, .comp_size = FRAMES, .frame_size = FRAME_SIZE};
	/* Neither copying nor zero-copy is demanded: the kernel does without copying where the driver can. */
	const struct xsk_socket_config config = {
		.rx_size = FRAMES, .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD, .bind_flags = XDP_USE_NEED_WAKEUP};
	void *memory = mmap(NULL, (size_t)FRAMES * FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	receiver->memory = memory;
	int result = xsk_umem__create(&receiver->umem, memory, (uint64_t)FRAMES * FRAME_SIZE, &receiver->fill, &receiver->completion, &umem);
	if (result == 0)
		give_all_frames(receiver);
	return result ?: xsk_socket__create(&receiver->socket, interface, queue, receiver->umem, &receiver->arrived, NULL, &config);
}

static int fail_queue(const char *interface, uint32_t queue, int code, struct vpc_error *error) {
	const char *remedy = code == -EBUSY ? "; another process has a socket on that queue" : code == -EPERM ? "; that needs CAP_NET_RAW" : "";
	snprintf(error->text, sizeof error->text, "AF_XDP socket on queue %" PRIu32 " of %.64s: %s%s", queue, interface, strerror(-code), remedy);
	return code;
}

static int open_queue(struct capture *capture, const char *interface, uint32_t queue, struct vpc_error *error) {
	struct receiver *receiver = &capture->receivers[queue];
	int result = open_receiver(receiver, interface, queue);
	if (result < 0)
		return fail_queue(interface, queue, result, error);
	int fd = xsk_socket__fd(receiver->socket);
	capture->polls[queue] = (struct pollfd){.fd = fd, .events = POLLIN};
	/* The kernel takes it out again when the socket is closed, however this process ends. */
	return bpf_map_update_elem(vpc_port_filter_socket_map(capture->filter), &queue, &fd, BPF_ANY) ? fail_queue(interface, queue, -errno, error) : 0;
}

static bool is_zero_copy(const struct capture *capture) {
	struct xdp_options options = {0};
	socklen_t length = sizeof options;
	return getsockopt(capture->polls[0].fd, SOL_XDP, XDP_OPTIONS, &options, &length) == 0 && options.flags & XDP_OPTIONS_ZEROCOPY;
}

/* Writes what arrived at one socket, at most as much as is wanted. Returns 0, or a negative errno. */
static int drain(struct capture *capture, struct receiver *receiver) {
	uint64_t addresses[BATCH];
	uint32_t at = 0, count = xsk_ring_cons__peek(&receiver->arrived, BATCH, &at);
	int result = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct xdp_desc *frame = xsk_ring_cons__rx_desc(&receiver->arrived, at + i);
		addresses[i] = frame->addr / FRAME_SIZE * FRAME_SIZE;
		if (result < 0 || (capture->wanted && capture->written == capture->wanted))
			continue;
		result = pcap_write(capture->file, xsk_umem__get_data(receiver->memory, frame->addr), frame->len);
		capture->written += result == 0;
	}
	xsk_ring_cons__release(&receiver->arrived, count);
	give_frames(receiver, addresses, count);
	return result;
}

static int drain_all(struct capture *capture) {
	int result = 0;
	for (uint32_t queue = 0; queue < capture->queues && result == 0; queue++)
		if (capture->polls[queue].revents)
			result = drain(capture, &capture->receivers[queue]);
	if (result == 0 && fflush(capture->file))
		result = -errno;
	return result;
}

static int receive(struct capture *capture, const sigset_t *outside) {
	while (!stopped && (!capture->wanted || capture->written < capture->wanted)) {
		int ready = ppoll(capture->polls, capture->queues, NULL, outside);
		int result = ready < 0 ? (errno == EINTR ? 0 : -errno) : drain_all(capture);
		if (result < 0)
			return result;
	}
	return 0;
}

static uint64_t count_lost(const struct capture *capture) {
	uint64_t lost = 0;
	for (uint32_t queue = 0; queue < capture->queues; queue++) {
		struct xdp_statistics statistics = {0};
		socklen_t length = sizeof statistics;
		if (getsockopt(capture->polls[queue].fd, SOL_XDP, XDP_STATISTICS, &statistics, &length) == 0)
			lost += statistics.rx_dropped + statistics.rx_ring_full;
	}
	return lost;
}

static int count_redirected(const struct vpc_port *port, void *context) {
	*(bool *)context = *(bool *)context || port->flags & VPC_PORT_SOCKET;
	return 0;
}

static void warn_if_nothing_comes(const struct capture *capture) {
	bool redirects = false;
	vpc_port_filter_each_port(capture->filter, count_redirected, &redirects);
	if (!redirects)
		fprintf(stderr, "vpcctl: warning: no port is redirected, so nothing arrives; 'vpcctl filter redirect PORTS' changes that\n");
}

static int open_file(struct capture *capture, const char *path, struct vpc_error *error) {
	capture->file = strcmp(path, "-") ? fopen(path, "we") : stdout;
	int result = capture->file ? pcap_begin(capture->file) : -errno;
	if (result < 0)
		snprintf(error->text, sizeof error->text, "%.400s: cannot be written: %s", path, strerror(-result));
	return result;
}

static int be_quiet(enum libxdp_print_level level, const char *format, va_list arguments) {
	(void)level, (void)format, (void)arguments;
	return 0;
}

static int open_capture(const struct command_line *command_line, struct capture *capture, struct vpc_error *error) {
	const char *interface = command_line->values[OPTION_INTERFACE];
	int result = find_filter(command_line, &capture->filter, error);
	if (result < 0)
		return result;
	warn_if_nothing_comes(capture);
	libxdp_set_print(be_quiet);
	uint32_t queues = count_queues(interface);
	while (capture->queues < queues && result == 0)
		result = open_queue(capture, interface, capture->queues++, error);
	result = result ?: open_file(capture, command_line->values[OPTION_OUTPUT], error);
	if (result == 0)
		fprintf(stderr, "vpcctl: capturing on %s, %" PRIu32 " queue%s, %s\n", interface, capture->queues, capture->queues == 1 ? "" : "s",
			is_zero_copy(capture) ? "without copying" : "by copying");
	return result;
}

static bool read_count(const char *text, uint64_t *ret_count) {
	char *end = NULL;
	errno = 0;
	unsigned long long count = strtoull(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || *end || count == 0)
		return false;
	*ret_count = count;
	return true;
}

/* Signals come only while it waits, so that none is missed. */
static void catch_signals(sigset_t *ret_outside) {
	const struct sigaction action = {.sa_handler = stop};
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, ret_outside);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

enum exit_status filter_capture(const struct command_line *command_line) {
	_cleanup_(close_capture) struct capture *capture = calloc(1, sizeof *capture);
	struct vpc_error error = {""};
	sigset_t outside;
	if (!capture)
		return report(-ENOMEM, &error);
	if (command_line->values[OPTION_PACKETS] && !read_count(command_line->values[OPTION_PACKETS], &capture->wanted)) {
		fprintf(stderr, "vpcctl: filter capture: --count: '%s' is no number of packets\n", command_line->values[OPTION_PACKETS]);
		return EXIT_USAGE;
	}
	if (strcmp(command_line->values[OPTION_OUTPUT], "-") == 0 && isatty(STDOUT_FILENO)) {
		fprintf(stderr, "vpcctl: filter capture: packets are not for a terminal: name a file with -o, or use a pipe\n");
		return EXIT_USAGE;
	}
	catch_signals(&outside);
	int result = open_capture(command_line, capture, &error);
	if (result < 0)
		return report(result, &error);
	result = receive(capture, &outside);
	if (result < 0)
		snprintf(error.text, sizeof error.text, "%.400s: cannot be written: %s", command_line->values[OPTION_OUTPUT], strerror(-result));
	fprintf(stderr, "vpcctl: %" PRIu64 " packets written, %" PRIu64 " lost\n", capture->written, count_lost(capture));
	return result < 0 ? report(result, &error) : EXIT_DONE;
}

void print_capture_limits(void) {
	printf("\nWhat is captured does not reach the host's stack: the packets of redirected ports are taken out of the traffic as\n"
		   "long as the command runs. Afterwards they pass if the port is allowed as well, else they are dropped. There is one\n"
		   "socket for each receive queue, up to 256. The file has times in nanoseconds, of when the packet was read. '-' writes\n"
		   "to standard output. Later fragments have no port and are not captured. Ends with Ctrl-C or after --count packets.\n");
}
