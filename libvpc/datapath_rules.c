// SPDX-License-Identifier: Apache-2.0
//
// What a lookup finds is the longest prefix only, so the value of each prefix holds the ranges of all prefixes that
// contain it. IPv4 peers are looked up IPv4-mapped: a short IPv6 prefix contains them by its bits but does not mean
// them, which an entry for all of IPv4 in between makes true.
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "datapath_internal.h"

enum {
	NETWORK_AND_DIRECTION = 64, /* bits of a key before the address */
	MAPPED_PREFIX = 96,         /* bits of ::ffff:0:0/96 */
	HIGHEST_PORT = 65535,
};

/* One rule as the map sees it. */
struct line {
	uint8_t address[16]; /* masked */
	uint32_t prefix;     /* of 128 */
	bool is_ipv4, from;
	struct vpc_port_range range;
};

static bool is_of_network(const void *key, const void *value, const void *network) {
	(void)value;
	return ntohl(((const struct vpc_rule_key *)key)->network) == *(const uint32_t *)network;
}

static bool has_ports(uint8_t protocol) {
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

static void mask(uint8_t address[16], uint32_t prefix) {
	for (uint32_t bit = prefix; bit < 128; bit++)
		address[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
}

static bool contains(const struct line *outer, const struct line *inner) {
	uint8_t masked[16];
	if (outer->from != inner->from || outer->is_ipv4 != inner->is_ipv4 || outer->prefix > inner->prefix)
		return false;
	memcpy(masked, inner->address, sizeof masked);
	mask(masked, outer->prefix);
	return memcmp(masked, outer->address, sizeof masked) == 0;
}

#define LINE_TEXT (VPC_ADDRESS_TEXT + 24)

static const char *line_text(const struct line *line, char text[LINE_TEXT]) {
	char address[VPC_ADDRESS_TEXT];
	snprintf(text, LINE_TEXT, "%s %s/%" PRIu32, line->from ? "allowFrom" : "allow", vpc_address_text(line->address, address),
		line->is_ipv4 ? line->prefix - MAPPED_PREFIX : line->prefix);
	return text;
}

static int read_line(const struct vpc_rule_spec *rule, struct line *ret_line, struct vpc_error *error) {
	char text[LINE_TEXT];
	struct line line = {.prefix = rule->prefix + (rule->is_ipv4 ? MAPPED_PREFIX : 0u), .is_ipv4 = rule->is_ipv4, .from = rule->from};
	memcpy(line.address, rule->address, sizeof line.address);
	line_text(&line, text);
	if (line.prefix > 128)
		return vpc_fail(error, -EINVAL, "rule %s: a prefix of IPv%s has at most %d bits", text, rule->is_ipv4 ? "4" : "6", rule->is_ipv4 ? 32 : 128);
	if (rule->is_ipv4 != vpc_is_mapped_ipv4(rule->address) && (rule->is_ipv4 || rule->prefix >= MAPPED_PREFIX))
		return vpc_fail(error, -EINVAL, "rule %s: an IPv4 address must be given as IPv4, IPv4-mapped, and no other may be", text);
	if (rule->first_port > rule->last_port)
		return vpc_fail(error, -EINVAL, "rule %s: port %u is above port %u", text, rule->first_port, rule->last_port);
	bool all_ports = rule->first_port == 0 && rule->last_port == HIGHEST_PORT;
	if (!all_ports && !has_ports(rule->protocol))
		return vpc_fail(error, -EINVAL, "rule %s: ports are known of TCP, UDP and SCTP only, not of protocol %u", text, rule->protocol);
	mask(line.address, line.prefix);
	line.range = (struct vpc_port_range){.first = rule->first_port, .last = rule->last_port, .protocol = rule->protocol};
	*ret_line = line;
	return 0;
}

static int compare_ranges(const void *a, const void *b) {
	const struct vpc_port_range *left = a, *right = b;
	return left->protocol != right->protocol ? left->protocol - right->protocol : left->first - right->first;
}

/* Joins ranges that overlap or touch. Returns how many are left. */
static size_t merge(struct vpc_port_range *ranges, size_t count) {
	size_t kept = 0;
	qsort(ranges, count, sizeof *ranges, compare_ranges);
	if (count && !ranges[0].protocol)
		return 1; /* everything: no other adds to it */
	for (size_t i = 0; i < count; i++) {
		struct vpc_port_range *last = kept ? &ranges[kept - 1] : NULL;
		if (!last || last->protocol != ranges[i].protocol || ranges[i].first > last->last + 1)
			ranges[kept++] = ranges[i];
		else if (ranges[i].last > last->last)
			last->last = ranges[i].last;
	}
	return kept;
}

/* The entry of one prefix, from all lines that contain it. `ranges` has room for one of each line. */
static int want_prefix(uint32_t network, const struct line *prefix, const struct line *lines, size_t count, struct vpc_port_range *ranges,
	struct vpc_entries *wanted, struct vpc_error *error) {
	char text[LINE_TEXT];
	size_t used = 0;
	for (size_t i = 0; i < count; i++)
		if (contains(&lines[i], prefix))
			ranges[used++] = lines[i].range;
	used = merge(ranges, used);
	if (used > VPC_RULE_PORTS)
		return vpc_fail(error, -E2BIG, "rule %s: %zu ranges of ports meet at this prefix, at most %d can; join ranges or use fewer", line_text(prefix, text),
			used, VPC_RULE_PORTS);

	struct vpc_rule_key key = {
		.prefix_length = NETWORK_AND_DIRECTION + prefix->prefix,
		.network = htonl(network),
		.direction = htonl(prefix->from ? VPC_RULE_ALLOW_FROM : VPC_RULE_ALLOW),
	};
	struct vpc_rule value = {.count = (uint32_t)used};
	memcpy(key.address, prefix->address, sizeof key.address);
	memcpy(value.ports, ranges, used * sizeof *ranges);
	return vpc_entries_add(wanted, &key, &value) ? vpc_fail(error, -ENOMEM, "no memory for %zu rules", count) : 0;
}

static bool is_repeated(const struct line *lines, size_t index) {
	for (size_t i = 0; i < index; i++)
		if (lines[i].prefix == lines[index].prefix && contains(&lines[i], &lines[index]))
			return true;
	return false;
}

static int want_direction_shield(uint32_t network, bool from, const struct line *lines, size_t count, struct vpc_port_range *ranges,
	struct vpc_entries *wanted, struct vpc_error *error) {
	struct line all_ipv4 = {.prefix = MAPPED_PREFIX, .is_ipv4 = true, .from = from};
	bool is_needed = false;
	vpc_map_ipv4(all_ipv4.address, all_ipv4.address);
	for (size_t i = 0; i < count; i++) {
		struct line as_ipv4 = lines[i];
		as_ipv4.is_ipv4 = true;
		if (lines[i].is_ipv4 && lines[i].from == from && lines[i].prefix == MAPPED_PREFIX)
			return 0; /* there is one anyhow */
		is_needed |= !lines[i].is_ipv4 && contains(&as_ipv4, &all_ipv4);
	}
	return is_needed ? want_prefix(network, &all_ipv4, lines, count, ranges, wanted, error) : 0;
}

static int want_rules(uint32_t network, const struct vpc_rule_spec *rules, size_t count, struct vpc_entries *wanted, struct vpc_error *error) {
	_cleanup_(free_memory) struct line *lines = calloc(count + 1, sizeof *lines);
	_cleanup_(free_memory) struct vpc_port_range *ranges = calloc(count + 1, sizeof *ranges);
	if (!lines || !ranges)
		return vpc_fail(error, -ENOMEM, "no memory for %zu rules", count);
	int result = 0;
	for (size_t i = 0; i < count && !result; i++)
		result = read_line(&rules[i], &lines[i], error);
	for (size_t i = 0; i < count && !result; i++)
		result = is_repeated(lines, i) ? 0 : want_prefix(network, &lines[i], lines, count, ranges, wanted, error);
	result = result ?: want_direction_shield(network, false, lines, count, ranges, wanted, error);
	return result ?: want_direction_shield(network, true, lines, count, ranges, wanted, error);
}

int vpc_datapath_set_rules(struct vpc_datapath *datapath, enum vpc_encapsulation encapsulation, uint32_t network_id,
	const struct vpc_rule_spec *rules, size_t count, struct vpc_error *error) {
	const struct vpc_map *map = vpc_datapath_map(datapath, VPC_MAP_rules);
	_cleanup_(vpc_entries_free) struct vpc_entries present = VPC_ENTRIES_EMPTY(map), wanted = VPC_ENTRIES_EMPTY(map);
	uint32_t network = vpc_network_key(encapsulation, network_id);

	int result = vpc_network_check(encapsulation, network_id, error);
	result = result ?: want_rules(network, rules, count, &wanted, error);
	result = result ?: vpc_map_read(map, is_of_network, &network, &present, error);
	result = result ?: vpc_map_make_exact(map, &present, &wanted, error);
	return result < 0 ? result : vpc_datapath_forget_disallowed(datapath, network, error);
}
