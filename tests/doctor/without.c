// SPDX-License-Identifier: Apache-2.0
/*
 * without THING[,THING...] COMMAND [ARGUMENT...]: runs the command as if the kernel had no such thing.
 *
 * System calls are refused by a seccomp filter, or looked at by this process before they go on: names of kinds and numbers
 * of helpers in their memory are exchanged for ones that no kernel has, so that the kernel itself gives the answer.
 * Only what ethtool asks is answered here, and how long a program is as machine code.
 *
 *	without  <-- seccomp notification --  COMMAND  -- bpf(), sendto(), ioctl() -->  kernel
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define NO_SUCH_HELPER 9999
#define MOST_INSTRUCTIONS 65536
#define MOST_MESSAGE 32768
#define CHARGED_LIMIT (1u << 20) /* bytes; a lower limit of locked memory lets no map be made */

#define THINGS(X) \
	X(BPF, "bpf", "bpf() is refused") \
	X(BPF_CALL, "bpf-call", "there is no bpf()") \
	X(NFTABLES, "nftables", "there is no netfilter netlink") \
	X(TCX, "tcx", "tcx is no type of attachment") \
	X(CLSACT, "clsact", "clsact is no kind of qdisc") \
	X(VXLAN, "vxlan", "vxlan is no kind of device") \
	X(XDP, "xdp", "XDP is no type of program") \
	X(REDIRECT_PEER, "redirect_peer", "that helper is unknown") \
	X(JIT, "jit", "no program is compiled to machine code") \
	X(CGROUP_MEMORY, "cgroup-memory", "BPF is counted against the limit of locked memory") \
	X(PLAIN_UPLINK, "plain-uplink", "every offload of every interface is on, and the driver is vmxnet3")

#define THING_AS_BIT(name, word, text) THING_##name##_BIT,
enum { THINGS(THING_AS_BIT) };
#define THING_AS_ENUM(name, word, text) THING_##name = 1 << THING_##name##_BIT,
enum thing { THINGS(THING_AS_ENUM) };
#define LOOKED_AT \
	(THING_TCX | THING_CLSACT | THING_VXLAN | THING_XDP | THING_REDIRECT_PEER | THING_JIT | THING_CGROUP_MEMORY | THING_PLAIN_UPLINK)

static pid_t child;

static void die(const char *what) {
	fprintf(stderr, "without: %s: %s\n", what, strerror(errno));
	exit(125);
}

static unsigned read_things(char *text) {
#define THING_AS_ENTRY(name, word, text) {word, THING_##name},
	static const struct {
		const char *word;
		enum thing thing;
	} KNOWN[] = {THINGS(THING_AS_ENTRY)};
	unsigned things = 0;
	for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		size_t i = 0;
		while (i < sizeof KNOWN / sizeof *KNOWN && strcmp(word, KNOWN[i].word))
			i++;
		if (i == sizeof KNOWN / sizeof *KNOWN) {
			fprintf(stderr, "without: '%s' is nothing that can be taken away\n", word);
			exit(2);
		}
		things |= KNOWN[i].thing;
	}
	return things;
}

/* ---- the filter ---- */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skipped))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))

/* Returns the descriptor by which system calls are looked at, or 0 if none is. */
static int install_filter(unsigned things) {
	unsigned looking = things & LOOKED_AT ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW;
	unsigned bpf = things & THING_BPF ? SECCOMP_RET_ERRNO | EPERM : things & THING_BPF_CALL ? SECCOMP_RET_ERRNO | ENOSYS : looking;
	unsigned netfilter = things & THING_NFTABLES ? SECCOMP_RET_ERRNO | EPROTONOSUPPORT : SECCOMP_RET_ALLOW;
	struct sock_filter instructions[] = {
		LOAD(nr),
		UNLESS(SYS_bpf, 1),
		RETURN(bpf),
		UNLESS(SYS_sendto, 1),
		RETURN(looking),
		UNLESS(SYS_ioctl, 3),
		LOAD(args[1]),
		UNLESS(SIOCETHTOOL, 1),
		RETURN(looking),
		LOAD(nr),
		UNLESS(SYS_socket, 5),
		LOAD(args[0]),
		UNLESS(AF_NETLINK, 3),
		LOAD(args[2]),
		UNLESS(NETLINK_NETFILTER, 1),
		RETURN(netfilter),
		RETURN(SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof instructions / sizeof *instructions, instructions};
	unsigned flags = things & LOOKED_AT ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("no_new_privs");
	int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (fd < 0)
		die("seccomp");
	return fd;
}

/* ---- looking at system calls ---- */

struct call {
	const struct seccomp_data *data;
	pid_t thread;
	int memory; /* of the thread */
};

static bool read_memory(const struct call *call, uint64_t address, void *bytes, size_t size) {
	return pread(call->memory, bytes, size, (off_t)address) == (ssize_t)size;
}

static void write_memory(const struct call *call, uint64_t address, const void *bytes, size_t size) {
	if (pwrite(call->memory, bytes, size, (off_t)address) != (ssize_t)size)
		die("memory of the command");
}

static void replace_helper(const struct call *call, uint64_t instructions, uint32_t count, int32_t helper) {
	struct bpf_insn instruction;
	for (uint32_t i = 0; i < count && i < MOST_INSTRUCTIONS; i++) {
		uint64_t address = instructions + i * sizeof instruction;
		if (!read_memory(call, address, &instruction, sizeof instruction))
			return;
		if (instruction.code != (BPF_JMP | BPF_CALL) || instruction.src_reg != 0 || instruction.imm != helper)
			continue;
		instruction.imm = NO_SUCH_HELPER;
		write_memory(call, address, &instruction, sizeof instruction);
	}
}

static bool is_charged(const struct call *call) {
	struct rlimit limit;
	return prlimit(call->thread, RLIMIT_MEMLOCK, NULL, &limit) == 0 && limit.rlim_cur < CHARGED_LIMIT;
}

/* A descriptor of the command, as one of this process. */
static int take_descriptor(pid_t process, int number) {
	int process_fd = (int)syscall(SYS_pidfd_open, process, 0);
	int fd = process_fd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process_fd, number, 0);
	if (process_fd >= 0)
		close(process_fd);
	return fd;
}

static bool is_program(int fd) {
	char path[32], kind[32] = "";
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return readlink(path, kind, sizeof kind - 1) > 0 && strcmp(kind, "anon_inode:bpf-prog") == 0;
}

/* Answers in the kernel's place who asks nothing but what has a place in the structure itself. Returns whether it did. */
static bool answer_program_info(const struct call *call) {
	union bpf_attr attributes = {0};
	struct bpf_prog_info info = {0}, nothing = {0};
	size_t size = call->data->args[2];
	if (!read_memory(call, call->data->args[1], &attributes, size < sizeof attributes ? size : sizeof attributes))
		return false;
	uint64_t place = attributes.info.info;
	size = attributes.info.info_len < sizeof info ? attributes.info.info_len : sizeof info;
	if (!read_memory(call, place, &info, size) || memcmp(&info, &nothing, sizeof info))
		return false;
	int fd = take_descriptor(child, (int)attributes.info.bpf_fd);
	attributes.info = (typeof(attributes.info)){.bpf_fd = (uint32_t)fd, .info_len = sizeof info, .info = (uintptr_t)&info};
	bool is_known = fd >= 0 && is_program(fd) && syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attributes, sizeof attributes) == 0;
	if (fd >= 0)
		close(fd);
	info.jited_prog_len = 0;
	if (is_known)
		write_memory(call, place, &info, size);
	return is_known;
}

/* 0 to go on, else a negative errno for the command. */
static int look_at_bpf(const struct call *call, unsigned things) {
	union bpf_attr attributes = {0};
	uint64_t size = call->data->args[2];
	if (!read_memory(call, call->data->args[1], &attributes, size < sizeof attributes ? size : sizeof attributes))
		return 0;
	uint32_t type = attributes.link_create.attach_type;
	switch (call->data->args[0]) {
	case BPF_PROG_LOAD:
		if (things & THING_XDP && attributes.prog_type == BPF_PROG_TYPE_XDP)
			return -EINVAL;
		if (things & THING_REDIRECT_PEER)
			replace_helper(call, attributes.insns, attributes.insn_cnt, BPF_FUNC_redirect_peer);
		if (things & THING_CGROUP_MEMORY)
			replace_helper(call, attributes.insns, attributes.insn_cnt, BPF_FUNC_ktime_get_coarse_ns);
		return 0;
	case BPF_MAP_CREATE: return things & THING_CGROUP_MEMORY && is_charged(call) ? -EPERM : 0;
	case BPF_PROG_QUERY: type = attributes.query.attach_type; /* fall through */
	case BPF_LINK_CREATE: return things & THING_TCX && (type == TCX_INGRESS || type == TCX_EGRESS) ? -EINVAL : 0;
	default: return 0;
	}
}

/* Exchanges the last letter of the kind, which stands in the message with its NUL. */
static void replace_kind(const struct call *call, const char *message, size_t length, const char *kind) {
	size_t size = strlen(kind) + 1;
	for (size_t i = 0; i + size <= length; i++)
		if (memcmp(message + i, kind, size) == 0)
			write_memory(call, call->data->args[1] + i + size - 2, "_", 1);
}

static void look_at_message(const struct call *call, unsigned things) {
	char message[MOST_MESSAGE];
	size_t length = call->data->args[2] < sizeof message ? call->data->args[2] : sizeof message;
	struct nlmsghdr head;
	if (length < sizeof head || !read_memory(call, call->data->args[1], message, length))
		return;
	memcpy(&head, message, sizeof head);
	if (things & THING_VXLAN && head.nlmsg_type == RTM_NEWLINK)
		replace_kind(call, message, length, "vxlan");
	if (things & THING_CLSACT && head.nlmsg_type == RTM_NEWQDISC)
		replace_kind(call, message, length, "clsact");
}

/* Answers in the kernel's place. Returns whether it did. */
static bool answer_ethtool(const struct call *call) {
	struct ifreq request;
	struct ethtool_gfeatures features;
	struct ethtool_drvinfo driver = {.driver = "vmxnet3"};
	if (!read_memory(call, call->data->args[2], &request, sizeof request))
		return false;
	uint64_t command = (uint64_t)(uintptr_t)request.ifr_data;
	if (!read_memory(call, command, &features, sizeof features))
		return false;
	if (features.cmd == ETHTOOL_GDRVINFO) {
		driver.cmd = ETHTOOL_GDRVINFO;
		write_memory(call, command, &driver, sizeof driver);
		return true;
	}
	if (features.cmd != ETHTOOL_GFEATURES)
		return false;
	const struct ethtool_get_features_block on = {UINT32_MAX, UINT32_MAX, UINT32_MAX, 0};
	for (uint32_t i = 0; i < features.size; i++)
		write_memory(call, command + sizeof features + i * sizeof on, &on, sizeof on);
	return true;
}

static void answer(int listener, unsigned things) {
	struct seccomp_notif notification = {0};
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification))
		return; /* it was interrupted, or has died */
	char path[32];
	snprintf(path, sizeof path, "/proc/%u/mem", notification.pid);
	struct call call = {&notification.data, (pid_t)notification.pid, open(path, O_RDWR | O_CLOEXEC)};
	struct seccomp_notif_resp response = {.id = notification.id};
	bool answered = false;
	if (call.memory >= 0 && notification.data.nr == SYS_bpf && things & THING_JIT && call.data->args[0] == BPF_OBJ_GET_INFO_BY_FD)
		answered = answer_program_info(&call);
	else if (call.memory >= 0 && notification.data.nr == SYS_bpf)
		response.error = look_at_bpf(&call, things);
	else if (call.memory >= 0 && notification.data.nr == SYS_ioctl)
		answered = things & THING_PLAIN_UPLINK && answer_ethtool(&call);
	else if (call.memory >= 0)
		look_at_message(&call, things);
	response.flags = response.error || answered ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
	if (call.memory >= 0)
		close(call.memory);
}

/* ---- processes ---- */

static void pass_on(int number) {
	kill(child, number);
}

static void run_command(char **command, unsigned things, const int to_parent[2], const int to_child[2]) {
	char go;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int listener = install_filter(things);
	if (write(to_parent[1], &listener, sizeof listener) != sizeof listener || read(to_child[0], &go, 1) != 1)
		die("pipe");
	if (things & LOOKED_AT)
		close(listener);
	execvp(command[0], command);
	die(command[0]);
}

int main(int count, char **arguments) {
	int to_parent[2], to_child[2], listener = -1, status = 0;
	if (count < 3)
		return fprintf(stderr, "without THING[,THING...] COMMAND [ARGUMENT...]\n"), 2;
	unsigned things = read_things(arguments[1]);
	if (pipe2(to_parent, O_CLOEXEC) || pipe2(to_child, O_CLOEXEC) || (child = fork()) < 0)
		die("process");
	if (child == 0)
		run_command(arguments + 2, things, to_parent, to_child);
	close(to_parent[1]);
	signal(SIGTERM, pass_on);
	signal(SIGINT, pass_on);
	if (read(to_parent[0], &listener, sizeof listener) != sizeof listener)
		return 125;
	if (things & LOOKED_AT && (listener = take_descriptor(child, listener)) < 0)
		die("descriptor of the filter");
	if (write(to_child[1], "", 1) != 1)
		die("pipe");
	struct pollfd poller = {.fd = listener, .events = POLLIN};
	while (things & LOOKED_AT && !(poller.revents & POLLHUP))
		if (poll(&poller, 1, -1) > 0 && poller.revents & POLLIN)
			answer(listener, things);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
