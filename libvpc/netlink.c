// SPDX-License-Identifier: Apache-2.0
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#define REQUEST_SIZE 512
#define ANSWER_SIZE 32768

int vpc_netlink_open(struct vpc_netlink *ret_netlink) {
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int result = -errno;
		mnl_socket_close(socket);
		return result;
	}
	int on = 1; /* without these options errors are told without words */
	mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof on);
	mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, &on, sizeof on);
	*ret_netlink = (struct vpc_netlink){.socket = socket};
	return 0;
}

void vpc_netlink_close(struct vpc_netlink *netlink) {
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

/* Attributes behind a refused request, of which only its header was sent back. */
static void read_reason(struct vpc_netlink *netlink, const struct nlmsghdr *answer) {
	const struct nlattr *attribute;
	netlink->reason[0] = '\0';
	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attribute, answer, sizeof(struct nlmsgerr)) {
		if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
			snprintf(netlink->reason, sizeof netlink->reason, "%s", mnl_attr_get_str(attribute));
	}
}

/* *ret_complete tells whether the kernel's last word about the request was read, so that none is left in the socket. */
static int receive(struct vpc_netlink *netlink, uint32_t sequence, mnl_cb_t each, void *context, bool *ret_complete) {
	char buffer[ANSWER_SIZE] __attribute__((aligned(8)));
	for (;;) {
		ssize_t length = mnl_socket_recvfrom(netlink->socket, buffer, sizeof buffer);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		struct nlmsghdr *answer = (struct nlmsghdr *)buffer;
		if (mnl_nlmsg_ok(answer, (int)length) && answer->nlmsg_type == NLMSG_ERROR) {
			read_reason(netlink, answer);
			*ret_complete = answer->nlmsg_seq == sequence;
		}
		int result = mnl_cb_run(buffer, (size_t)length, sequence, mnl_socket_get_portid(netlink->socket), each, context);
		if (result == MNL_CB_ERROR)
			return -errno;
		if (result == MNL_CB_STOP)
			return 0;
	}
}

static int talk(struct vpc_netlink *netlink, struct nlmsghdr *request, mnl_cb_t each, void *context) {
	bool is_complete = false;
	int result = netlink->socket ? 0 : vpc_netlink_open(netlink);
	if (result)
		return result;
	request->nlmsg_seq = ++netlink->sequence;
	netlink->reason[0] = '\0';
	if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
		result = -errno;
	result = result ?: receive(netlink, request->nlmsg_seq, each, context, &is_complete);
	if (result && !is_complete)
		vpc_netlink_close(netlink); /* the next request shall not meet what is left of this one's answer */
	return result;
}

static struct nlmsghdr *begin(
	void *buffer, uint16_t type, uint16_t flags, uint32_t ifindex, uint32_t parent, uint32_t handle, uint32_t info) {
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = type;
	request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	struct tcmsg *message = mnl_nlmsg_put_extra_header(request, sizeof *message);
	message->tcm_ifindex = (int)ifindex;
	message->tcm_parent = parent;
	message->tcm_handle = handle;
	message->tcm_info = info;
	return request;
}

static void copy_text(char *target, size_t size, const struct nlattr *attribute) {
	snprintf(target, size, "%.*s", (int)mnl_attr_get_payload_len(attribute), (const char *)mnl_attr_get_payload(attribute));
}

static void read_bpf(const struct nlattr *options, struct vpc_filter *filter) {
	const struct nlattr *attribute;
	mnl_attr_for_each_nested(attribute, options) {
		uint16_t type = mnl_attr_get_type(attribute), length = mnl_attr_get_payload_len(attribute);
		const uint8_t *bytes = mnl_attr_get_payload(attribute);
		if (type == TCA_BPF_ID && length >= sizeof(uint32_t))
			filter->program_id = mnl_attr_get_u32(attribute);
		if (type == TCA_BPF_NAME)
			copy_text(filter->name, sizeof filter->name, attribute);
		for (int i = 0; type == TCA_BPF_TAG && length >= 8 && i < 8; i++)
			filter->program_tag = filter->program_tag << 8 | bytes[i];
	}
}

static int add_filter(const struct nlmsghdr *answer, void *context) {
	struct vpc_filters *filters = context;
	const struct tcmsg *message = mnl_nlmsg_get_payload(answer);
	const struct nlattr *attribute, *options = NULL;
	struct vpc_filter filter = {
		.priority = (uint16_t)(message->tcm_info >> 16),
		.protocol = ntohs((uint16_t)message->tcm_info),
		.handle = message->tcm_handle,
	};
	if (answer->nlmsg_type != RTM_NEWTFILTER)
		return MNL_CB_OK;

	mnl_attr_for_each(attribute, answer, sizeof *message) {
		switch (mnl_attr_get_type(attribute)) {
		case TCA_KIND: copy_text(filter.kind, sizeof filter.kind, attribute); break;
		case TCA_CHAIN: filter.chain = mnl_attr_get_u32(attribute); break;
		case TCA_OPTIONS: options = attribute; break;
		}
	}
	if (options && strcmp(filter.kind, "bpf") == 0)
		read_bpf(options, &filter);
	if (filters->count == VPC_FILTER_LIMIT)
		filters->cut_off = true;
	else
		filters->list[filters->count++] = filter;
	return MNL_CB_OK;
}

int vpc_netlink_filters(struct vpc_netlink *netlink, uint32_t ifindex, uint32_t parent, struct vpc_filters *ret_filters) {
	char buffer[REQUEST_SIZE];
	ret_filters->count = 0;
	ret_filters->cut_off = false;
	int result = talk(netlink, begin(buffer, RTM_GETTFILTER, NLM_F_DUMP, ifindex, parent, 0, 0), add_filter, ret_filters);
	/* A dump is answered with nothing at all where there is no qdisc, also by kernels that call that an error. */
	return result == -EINVAL || result == -ENOENT ? 0 : result;
}

static uint32_t filter_info(uint16_t priority) {
	return (uint32_t)priority << 16 | htons(ETH_P_ALL);
}

int vpc_netlink_put_filter(
	struct vpc_netlink *netlink, uint32_t ifindex, uint32_t parent, uint16_t priority, uint32_t handle, int program_fd, const char *name) {
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *request =
		begin(buffer, RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, ifindex, parent, handle, filter_info(priority));
	mnl_attr_put_strz(request, TCA_KIND, "bpf");
	struct nlattr *options = mnl_attr_nest_start(request, TCA_OPTIONS);
	mnl_attr_put_u32(request, TCA_BPF_FD, (uint32_t)program_fd);
	mnl_attr_put_strz(request, TCA_BPF_NAME, name);
	mnl_attr_put_u32(request, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(request, options);
	return talk(netlink, request, NULL, NULL);
}

int vpc_netlink_delete_filter(struct vpc_netlink *netlink, uint32_t ifindex, uint32_t parent, uint16_t priority, uint32_t handle) {
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *request = begin(buffer, RTM_DELTFILTER, NLM_F_ACK, ifindex, parent, handle, filter_info(priority));
	mnl_attr_put_strz(request, TCA_KIND, "bpf");
	return talk(netlink, request, NULL, NULL);
}

static int read_kind(const struct nlmsghdr *answer, void *context) {
	const struct nlattr *attribute;
	if (answer->nlmsg_type == RTM_NEWQDISC)
		mnl_attr_for_each(attribute, answer, sizeof(struct tcmsg)) {
			if (mnl_attr_get_type(attribute) == TCA_KIND)
				copy_text(context, VPC_QDISC_KIND, attribute);
		}
	return MNL_CB_OK;
}

int vpc_netlink_ingress_qdisc(struct vpc_netlink *netlink, uint32_t ifindex, char ret_kind[VPC_QDISC_KIND]) {
	char buffer[REQUEST_SIZE], kind[VPC_QDISC_KIND] = "";
	/* An answer that is a notification comes back to who asked for it only as an echo. */
	struct nlmsghdr *request = begin(buffer, RTM_GETQDISC, NLM_F_ACK | NLM_F_ECHO, ifindex, TC_H_INGRESS, 0, 0);
	int result = talk(netlink, request, read_kind, kind);
	if (result && result != -ENOENT && result != -EINVAL)
		return result;
	memcpy(ret_kind, kind, sizeof kind); /* where there was one and is none any more, kernels say EINVAL or nothing */
	return 0;
}

int vpc_netlink_add_clsact(struct vpc_netlink *netlink, uint32_t ifindex) {
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *request =
		begin(buffer, RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifindex, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0), 0);
	mnl_attr_put_strz(request, TCA_KIND, "clsact");
	return talk(netlink, request, NULL, NULL);
}

int vpc_netlink_delete_clsact(struct vpc_netlink *netlink, uint32_t ifindex) {
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *request = begin(buffer, RTM_DELQDISC, NLM_F_ACK, ifindex, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0), 0);
	mnl_attr_put_strz(request, TCA_KIND, "clsact");
	return talk(netlink, request, NULL, NULL);
}

static int read_xdp(const struct nlmsghdr *answer, void *context) {
	uint32_t *program_id = context;
	const struct nlattr *attribute, *inner;
	mnl_attr_for_each(attribute, answer, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attribute) != IFLA_XDP)
			continue;
		mnl_attr_for_each_nested(inner, attribute) {
			uint16_t type = mnl_attr_get_type(inner);
			/* PROG_ID stands for the only program; where there are several each has an attribute of its own. */
			if (type >= IFLA_XDP_PROG_ID && type <= IFLA_XDP_HW_PROG_ID && mnl_attr_get_u32(inner) && type != IFLA_XDP_EXPECTED_FD)
				*program_id = mnl_attr_get_u32(inner);
		}
	}
	return MNL_CB_OK;
}

int vpc_netlink_xdp_program(struct vpc_netlink *netlink, uint32_t ifindex, uint32_t *ret_program_id) {
	char buffer[REQUEST_SIZE];
	uint32_t program_id = 0;
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	struct ifinfomsg *message = mnl_nlmsg_put_extra_header(request, sizeof *message);
	message->ifi_index = (int)ifindex;
	int result = talk(netlink, request, read_xdp, &program_id);
	if (result == 0)
		*ret_program_id = program_id;
	return result;
}
