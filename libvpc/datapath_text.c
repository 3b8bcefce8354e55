// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "datapath_internal.h"

static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}; /* RFC 4291 section 2.5.5.2 */

bool vpc_is_zero(const void *bytes, size_t length) {
	const uint8_t *at = bytes;
	for (size_t i = 0; i < length; i++)
		if (at[i])
			return false;
	return true;
}

bool vpc_is_mapped_ipv4(const uint8_t address[16]) {
	return memcmp(address, MAPPED, sizeof MAPPED) == 0;
}

void vpc_map_ipv4(const uint8_t ipv4[4], uint8_t ret_address[16]) {
	memcpy(ret_address, MAPPED, sizeof MAPPED);
	memcpy(ret_address + sizeof MAPPED, ipv4, 4);
}

const char *vpc_address_text(const uint8_t address[16], char text[VPC_ADDRESS_TEXT]) {
	if (vpc_is_mapped_ipv4(address))
		inet_ntop(AF_INET, address + sizeof MAPPED, text, VPC_ADDRESS_TEXT);
	else
		inet_ntop(AF_INET6, address, text, VPC_ADDRESS_TEXT);
	return text;
}

const char *vpc_network_text(enum vpc_encapsulation encapsulation, uint32_t network_id, char text[VPC_NETWORK_TEXT]) {
	snprintf(text, VPC_NETWORK_TEXT, "%s %" PRIu32, encapsulation == VPC_VLAN ? "VLAN" : "VXLAN", network_id);
	return text;
}

int vpc_network_check(enum vpc_encapsulation encapsulation, uint32_t network_id, struct vpc_error *error) {
	if (encapsulation != VPC_VXLAN && encapsulation != VPC_VLAN)
		return vpc_fail(error, -EINVAL, "%d is no encapsulation", encapsulation);
	uint32_t highest = encapsulation == VPC_VLAN ? 4094 : 16777215;
	if (network_id < 2 || network_id > highest)
		return vpc_fail(error, -ERANGE, "%s identifier %" PRIu32 " is not within 2 to %" PRIu32, encapsulation == VPC_VLAN ? "VLAN" : "VXLAN",
			network_id, highest);
	return 0;
}
