// SPDX-License-Identifier: Apache-2.0
/* Offloads of the uplink, by the ethtool ioctl (include/uapi/linux/ethtool.h). */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "probe_internal.h"

#define MOST_FEATURES 256
#define IANA_VXLAN_PORT 4789

struct features {
	uint32_t count;
	char names[MOST_FEATURES][ETH_GSTRING_LEN];
	bool active[MOST_FEATURES];
};

static int ask(int fd, const char *interface, void *command) {
	struct ifreq request = {.ifr_data = command};
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
	return ioctl(fd, SIOCETHTOOL, &request) ? -errno : 0;
}

/* Fixed part and room for what the kernel appends. */
static void *make_command(uint32_t command, size_t fixed, size_t appended) {
	uint32_t *bytes = calloc(1, fixed + appended);
	if (bytes)
		*bytes = command; /* the first field of every command */
	return bytes;
}

static int read_count(int fd, const char *interface, uint32_t *ret_count) {
	_cleanup_(free_memory) struct ethtool_sset_info *set = make_command(ETHTOOL_GSSET_INFO, sizeof *set, sizeof(uint32_t));
	if (!set)
		return -ENOMEM;
	set->sset_mask = 1ull << ETH_SS_FEATURES;
	int result = ask(fd, interface, set);
	if (result || set->data[0] > MOST_FEATURES)
		return result ?: -E2BIG;
	*ret_count = set->data[0];
	return 0;
}

static int read_features(int fd, const char *interface, struct features *features) {
	uint32_t count = 0;
	int result = read_count(fd, interface, &count);
	if (result)
		return result;
	uint32_t blocks = (count + 31) / 32;
	_cleanup_(free_memory) struct ethtool_gstrings *strings = make_command(ETHTOOL_GSTRINGS, sizeof *strings, (size_t)count * ETH_GSTRING_LEN);
	_cleanup_(free_memory) struct ethtool_gfeatures *states =
		make_command(ETHTOOL_GFEATURES, sizeof *states, blocks * sizeof *states->features);
	if (!strings || !states)
		return -ENOMEM;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = count;
	states->size = blocks;
	result = ask(fd, interface, strings) ?: ask(fd, interface, states);
	if (result)
		return result;
	features->count = count;
	for (uint32_t i = 0; i < count; i++) {
		snprintf(features->names[i], ETH_GSTRING_LEN, "%s", (const char *)strings->data + (size_t)i * ETH_GSTRING_LEN);
		features->active[i] = states->features[i / 32].active >> i % 32 & 1;
	}
	return 0;
}

static bool is_active(const struct features *features, const char *name) {
	for (uint32_t i = 0; i < features->count; i++)
		if (strcmp(features->names[i], name) == 0)
			return features->active[i];
	return false;
}

static bool is_driver(int fd, const char *interface, const char *name) {
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	return ask(fd, interface, &driver) == 0 && strcmp(driver.driver, name) == 0;
}

void vpc_probe_offloads(struct vpc_probe *probe) {
	const char *interface = probe->uplink.name;
	struct features features = {0};
	_cleanup_(close_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		close_fd(&fd);
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	}
	int result = fd < 0 ? -errno : read_features(fd, interface, &features);
	bool told = false;
	if (result) {
		vpc_probe_tell(probe, VPC_CHECK_OFFLOADS, VPC_FINE, "%s tells none: %s", interface, strerror(-result));
		return;
	}
	if (is_active(&features, "rx-lro")) {
		vpc_probe_tell(probe, VPC_CHECK_OFFLOADS, VPC_WARNING,
			"rx-lro is on at %s: it merges packets beyond recovery, and what is forwarded to Pods is dropped or stalls", interface);
		told = true;
	}
	if (is_active(&features, "rx-vlan-filter")) {
		vpc_probe_tell(probe, VPC_CHECK_OFFLOADS, VPC_WARNING,
			"rx-vlan-filter is on at %s: the card drops tags that no device of the host has, so VPCs over VLAN receive nothing (VXLAN is "
			"not concerned)",
			interface);
		told = true;
	}
	if (probe->udp_port != IANA_VXLAN_PORT && is_active(&features, "tx-udp_tnl-segmentation") && is_driver(fd, interface, "vmxnet3")) {
		vpc_probe_tell(probe, VPC_CHECK_OFFLOADS, VPC_WARNING,
			"tx-udp_tnl-segmentation and tx-udp_tnl-csum-segmentation are on at %s: vmxnet3 mangles VXLAN on other ports than %d",
			interface, IANA_VXLAN_PORT);
		told = true;
	}
	if (!told)
		vpc_probe_tell(probe, VPC_CHECK_OFFLOADS, VPC_FINE, "none that is known for trouble is on at %s", interface);
}
