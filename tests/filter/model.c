// SPDX-License-Identifier: Apache-2.0
#include "model.h"

enum { IN_PROGRESS = -1 };

/* A stretch of bytes that is eaten from its front; its end may come before the frame's. */
struct bytes {
	const uint8_t *at;
	size_t here;   /* in the frame */
	size_t belong; /* to the packet */
};

static unsigned word(const uint8_t *at) {
	return at[0] * 256u + at[1];
}

static void eat(struct bytes *bytes, size_t count) {
	bytes->at += count;
	bytes->here -= count;
	bytes->belong -= count;
}

/* The verdict if the next bytes are not there, else IN_PROGRESS. */
static int demand(const struct bytes *bytes, size_t count) {
	if (bytes->belong < count)
		return VPC_FILTER_MALFORMED;
	return bytes->here < count ? (int)VPC_FILTER_TRUNCATED : IN_PROGRESS;
}

static enum vpc_filter_verdict socket_or(const struct model *model, unsigned flags) {
	if (model->has_socket)
		return VPC_FILTER_SOCKET;
	return flags & 1 ? VPC_FILTER_PUBLIC : VPC_FILTER_NO_SOCKET;
}

static enum vpc_filter_verdict judge_flags(const struct model *model, unsigned flags, enum vpc_filter_verdict otherwise) {
	if (flags & 2)
		return socket_or(model, flags);
	return flags & 1 ? VPC_FILTER_PUBLIC : otherwise;
}

static enum vpc_filter_verdict judge_tcp(const struct model *model, const struct bytes *bytes) {
	int wrong = demand(bytes, 20);
	if (wrong != IN_PROGRESS)
		return (enum vpc_filter_verdict)wrong;
	bool syn = bytes->at[13] >> 1 & 1, rst = bytes->at[13] >> 2 & 1, ack = bytes->at[13] >> 4 & 1;
	bool answers = ack || (rst && !syn);
	return judge_flags(model, model->tcp[word(bytes->at + 2)], answers ? VPC_FILTER_TCP_REPLY : VPC_FILTER_CLOSED_PORT);
}

static enum vpc_filter_verdict judge_udp(const struct model *model, const struct bytes *bytes) {
	int wrong = demand(bytes, 8);
	if (wrong != IN_PROGRESS)
		return (enum vpc_filter_verdict)wrong;
	unsigned from = word(bytes->at), to = word(bytes->at + 2);
	enum vpc_filter_verdict otherwise = VPC_FILTER_CLOSED_PORT;
	if ((from == 67 && to == 68) || (from == 547 && to == 546))
		otherwise = VPC_FILTER_DHCP;
	if (to >= model->first_reply && to <= model->last_reply)
		otherwise = VPC_FILTER_UDP_REPLY;
	return judge_flags(model, model->udp[to], otherwise);
}

static enum vpc_filter_verdict judge_protocol(const struct model *model, unsigned protocol) {
	return judge_flags(model, model->protocols[protocol], VPC_FILTER_PROTOCOL);
}

static enum vpc_filter_verdict judge_ipv4(const struct model *model, struct bytes bytes) {
	if (bytes.here < 20)
		return VPC_FILTER_TRUNCATED;
	size_t header = (bytes.at[0] & 15) * 4u, total = word(bytes.at + 2);
	unsigned offset = (word(bytes.at + 6) & 0x1fff) * 8, protocol = bytes.at[9];
	if (bytes.at[0] >> 4 != 4 || header < 20 || total < header)
		return VPC_FILTER_MALFORMED;
	if (total > bytes.here)
		return VPC_FILTER_TRUNCATED;
	bytes.belong = total;
	eat(&bytes, header);
	if (protocol == 6 && offset == 8)
		return VPC_FILTER_MALFORMED;
	if ((protocol == 6 || protocol == 17) && offset)
		return VPC_FILTER_FRAGMENT;
	if (protocol == 6)
		return judge_tcp(model, &bytes);
	if (protocol == 17)
		return judge_udp(model, &bytes);
	return protocol == 1 || protocol == 2 ? VPC_FILTER_ICMP : judge_protocol(model, protocol);
}

static bool is_walked(unsigned header) {
	return header == 0 || header == 43 || header == 44 || header == 51 || header == 60;
}

static size_t header_length(unsigned header, const uint8_t *at) {
	switch (header) {
	case 44: return 8;
	case 51: return 8 + at[1] * 4u;
	default: return 8 + at[1] * 8u;
	}
}

static enum vpc_filter_verdict judge_ipv6(const struct model *model, struct bytes bytes) {
	if (bytes.here < 40)
		return VPC_FILTER_TRUNCATED;
	if (bytes.at[0] >> 4 != 6)
		return VPC_FILTER_MALFORMED;
	unsigned header = bytes.at[6];
	bytes.belong = 40 + word(bytes.at + 4);
	if (bytes.belong > bytes.here)
		return VPC_FILTER_TRUNCATED;
	eat(&bytes, 40);
	for (int walked = 0; is_walked(header); walked++) {
		int wrong = walked == 6 ? (int)VPC_FILTER_EXTENSIONS : demand(&bytes, 8);
		if (wrong != IN_PROGRESS)
			return (enum vpc_filter_verdict)wrong;
		unsigned offset = header == 44 ? word(bytes.at + 2) & 0xfff8 : 0, next = bytes.at[0];
		if (offset && next == 6 && offset == 8)
			return VPC_FILTER_MALFORMED;
		if (offset && (next == 6 || next == 17 || is_walked(next)))
			return VPC_FILTER_FRAGMENT;
		if (offset)
			return next == 58 ? VPC_FILTER_ICMP : judge_protocol(model, next);
		size_t length = header_length(header, bytes.at);
		if (length > bytes.belong)
			return VPC_FILTER_MALFORMED;
		eat(&bytes, length);
		header = next;
	}
	if (header == 6)
		return judge_tcp(model, &bytes);
	if (header == 17)
		return judge_udp(model, &bytes);
	return header == 58 ? VPC_FILTER_ICMP : judge_protocol(model, header);
}

static bool is_tag(unsigned type) {
	return type == 0x8100 || type == 0x88a8;
}

enum vpc_filter_verdict model_judge(const struct model *model, const uint8_t *frame, size_t length) {
	struct bytes bytes = {frame, length, length};
	unsigned type = word(frame + 12);
	eat(&bytes, 14);
	for (int tags = 0; is_tag(type); tags++) {
		if (tags == 2)
			return VPC_FILTER_TAGS;
		if (bytes.here < 4)
			return VPC_FILTER_TRUNCATED;
		type = word(bytes.at + 2);
		eat(&bytes, 4);
	}
	if (type == 0x0800)
		return judge_ipv4(model, bytes);
	return type == 0x86dd ? judge_ipv6(model, bytes) : VPC_FILTER_NOT_IP;
}
