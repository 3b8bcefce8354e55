/* SPDX-License-Identifier: Apache-2.0 */
/* What operators set in the ConfigMap `libvpc-config`. Every key, its default and its meaning stand in one table. */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "object.h"

#define CONFIG_LIST 16

struct config {
	uint32_t vni_first, vni_last;   /* inclusive */
	uint32_t vlan_first, vlan_last; /* 0, 0: none may be handed out */
	char uplink[16];                /* "": the interface that holds the underlay address */
	uint8_t underlay_family;        /* 4 or 6 */
	uint16_t udp_port;
	char excluded_namespaces[CONFIG_LIST][64];
	size_t excluded_count;
	uint8_t cluster_dns[CONFIG_LIST][16]; /* IPv4-mapped for IPv4 */
	size_t cluster_dns_count;
	bool policy_warns;  /* networkPolicy: warn */
	uint32_t hold_down; /* seconds between the release of an identifier and its next use */
};

/* Defaults where a key is missing. An unknown key or a wrong value is -EINVAL and named; *ret_config is untouched then. */
int config_parse(const struct text_map *data, struct config *ret_config, struct vpc_error *error);
/* One key of the ConfigMap, for people. NULL beyond the last. */
struct config_key {
	const char *key, *standard; /* standard: what stands there if it is missing */
	const char *text;
	int (*parse)(struct config *config, const char *text, struct vpc_error *error);
};
const struct config_key *config_key(size_t index);
bool config_excludes(const struct config *config, const char *namespace);

#endif
