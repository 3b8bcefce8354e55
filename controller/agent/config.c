// SPDX-License-Identifier: Apache-2.0
#include "config.h"
#include "address.h"
#include "../cleanup.h"
#include "schema.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int parse_number(const char *text, const char **ret_end, uint32_t highest, uint32_t *ret_number) {
	char *end;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (errno || number > highest)
		return -EINVAL;
	*ret_number = number;
	*ret_end = end;
	return 0;
}

static int parse_range(const char *text, uint32_t lowest, uint32_t highest, uint32_t *first, uint32_t *last, struct vpc_error *error) {
	const char *end = text;
	if (parse_number(text, &end, highest, first) < 0 || *end != '-' || parse_number(end + 1, &end, highest, last) < 0 || *end ||
	    *first < lowest || *first > *last)
		return fail(error, -EINVAL, "a range is FIRST-LAST within %u to %u", lowest, highest);
	return 0;
}

static int parse_vni(struct config *config, const char *text, struct vpc_error *error) {
	return parse_range(text, 2, 16777215, &config->vni_first, &config->vni_last, error);
}

static int parse_vlan(struct config *config, const char *text, struct vpc_error *error) {
	return *text ? parse_range(text, 2, 4094, &config->vlan_first, &config->vlan_last, error) : 0;
}

static int parse_uplink(struct config *config, const char *text, struct vpc_error *error) {
	if (strlen(text) >= sizeof config->uplink || strchr(text, '/') || strchr(text, ' '))
		return fail(error, -EINVAL, "it is no name of an interface");
	strcpy(config->uplink, text);
	return 0;
}

static int parse_family(struct config *config, const char *text, struct vpc_error *error) {
	if (strcmp(text, "IPv4") && strcmp(text, "IPv6"))
		return fail(error, -EINVAL, "it is IPv4 or IPv6");
	config->underlay_family = text[3] - '0';
	return 0;
}

static int parse_port(struct config *config, const char *text, struct vpc_error *error) {
	const char *end = text;
	uint32_t port = 0;
	if (parse_number(text, &end, 65535, &port) < 0 || *end || port == 0)
		return fail(error, -EINVAL, "a port is 1 to 65535");
	config->udp_port = port;
	return 0;
}

/* Calls add for each part between commas and blanks. */
static int parse_list(
    struct config *config, const char *text, int (*add)(struct config *, const char *, struct vpc_error *), struct vpc_error *error) {
	_cleanup_(free_memory) char *copy = duplicate(text);
	char *rest = copy;
	for (char *part; (part = strsep(&rest, ", \n"));) {
		int result = *part ? add(config, part, error) : 0;
		if (result < 0)
			return result;
	}
	return 0;
}

static int add_namespace(struct config *config, const char *part, struct vpc_error *error) {
	if (config->excluded_count == CONFIG_LIST || strlen(part) > 63)
		return fail(error, -EINVAL, "'%.70s': at most %d namespaces, of 63 letters each", part, CONFIG_LIST);
	strcpy(config->excluded_namespaces[config->excluded_count++], part);
	return check_name(part, error);
}

static int parse_excluded(struct config *config, const char *text, struct vpc_error *error) {
	config->excluded_count = 0;
	return parse_list(config, text, add_namespace, error);
}

static int add_dns(struct config *config, const char *part, struct vpc_error *error) {
	if (config->cluster_dns_count == CONFIG_LIST || address_parse(part, config->cluster_dns[config->cluster_dns_count]) < 0)
		return fail(error, -EINVAL, "'%.60s' is no address, or one of more than %d", part, CONFIG_LIST);
	config->cluster_dns_count++;
	return 0;
}

static int parse_dns(struct config *config, const char *text, struct vpc_error *error) {
	return parse_list(config, text, add_dns, error);
}

static int parse_policy(struct config *config, const char *text, struct vpc_error *error) {
	if (strcmp(text, "refuse") && strcmp(text, "warn"))
		return fail(error, -EINVAL, "it is refuse or warn");
	config->policy_warns = !strcmp(text, "warn");
	return 0;
}

static int parse_hold_down(struct config *config, const char *text, struct vpc_error *error) {
	const char *end = text;
	uint32_t seconds = 0;
	if (parse_number(text, &end, 31536000, &seconds) < 0 || (*end && strcmp(end, "s") && strcmp(end, "m")))
		return fail(error, -EINVAL, "a time is a number of seconds, or of minutes with 'm'");
	config->hold_down = seconds * (*end == 'm' ? 60 : 1);
	return 0;
}

static const struct config_key KEYS[] = {
    {"vniRange", "2-16777215", "VNIs to hand out, FIRST-LAST; a pinned `spec.id` may lie outside", parse_vni},
    {"vlanRange", "", "VLAN IDs to hand out, FIRST-LAST; a pinned one must lie inside", parse_vlan},
    {"uplink", "", "interface towards the other nodes; that which holds the underlay address if it is left out; at the agent's start",
        parse_uplink},
    {"underlayFamily", "IPv4", "which InternalIP of the Node is the underlay address, IPv4 or IPv6; at the agent's start", parse_family},
    {"udpPort", "14789", "of VXLAN; at the agent's start", parse_port},
    {"excludedNamespaces", "kube-system", "whose Pods never join a VPC; names with commas between", parse_excluded},
    {"clusterDNS", "", "addresses that Pods may ask on port 53 besides the Service kube-dns, with commas between; not where a VPC has `allow`", parse_dns},
    {"networkPolicy", "refuse", "`refuse` or `warn`: Pods in a VPC that a NetworkPolicy selects", parse_policy},
    {"holdDown", "10m", "between the release of an identifier and its next use; seconds, or minutes with `m`", parse_hold_down},
};

const struct config_key *config_key(size_t index) {
	return index < COUNT_OF(KEYS) ? &KEYS[index] : NULL;
}

int config_parse(const struct text_map *data, struct config *ret_config, struct vpc_error *error) {
	struct config config = {0};
	struct vpc_error why = {""};
	for (size_t i = 0; data && i < data->count; i++) {
		bool known = false;
		for (size_t j = 0; j < COUNT_OF(KEYS); j++)
			known = known || !strcmp(KEYS[j].key, data->items[i].key);
		if (!known)
			return fail(error, -EINVAL, "data.%.60s: there is no such setting", data->items[i].key);
	}
	for (size_t i = 0; i < COUNT_OF(KEYS); i++) {
		const char *text = data ? map_get(data, KEYS[i].key) : NULL;
		int result = KEYS[i].parse(&config, text ? text : KEYS[i].standard, &why);
		if (result < 0)
			return fail(error, result, "data.%s: '%.60s': %.200s", KEYS[i].key, text, why.text);
	}
	*ret_config = config;
	return 0;
}

bool config_excludes(const struct config *config, const char *namespace) {
	for (size_t i = 0; i < config->excluded_count; i++)
		if (!strcmp(config->excluded_namespaces[i], namespace))
			return true;
	return false;
}
