// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *ipv4, *ipv6, *mac;
} NAMED[WHO_COUNT] = {
	[NOBODY] = {"0.0.0.0", "::", "00:00:00:00:00:00"},
	[POD] = {"10.0.0.2", "fd00::2", "02:00:00:00:00:02"},
	[PEER] = {"10.0.0.3", "fd00::3", "02:00:00:00:00:03"},
	[FAR] = {"10.0.1.2", "fd00:1::12", "02:00:00:00:01:02"},
	[FARTHER] = {"10.0.2.2", "fd00:2::22", "02:00:00:00:02:02"},
	[OTHER] = {"10.9.0.2", "fd09::2", "02:00:00:00:09:02"},
	[OTHER_FAR] = {"10.9.1.2", "fd09:1::2", "02:00:00:00:09:12"},
	[STRANGER] = {"10.0.0.66", "fd00::66", "02:00:00:00:00:66"},
	[MISSING] = {"10.0.0.77", "fd00::77", "02:00:00:00:00:77"},
	[GATEWAY] = {"10.0.0.1", "fd00::1", "02:aa:00:00:00:02"},
	[SILENT] = {"169.254.1.1", "fe80::1", "02:aa:00:00:00:02"},
	[HOST] = {"10.0.0.1", "fd00::1", "02:aa:00:00:00:02"},
	[NODE] = {"172.30.0.1", "fd30::1", "02:bb:00:00:00:01"},
	[NODE_B] = {"172.30.0.2", "fd30::2", "02:bb:00:00:00:0b"},
	[NODE_C] = {"172.30.0.3", "fd30::3", "02:bb:00:00:00:0c"},
	[ROGUE] = {"172.30.0.66", "fd30::66", "02:bb:00:00:00:66"},
	[ALLOWED] = {"198.51.100.1", "2001:db8:100::1", "02:cc:00:00:00:02"},
	[ALLOWED_PORT] = {"198.51.101.1", "2001:db8:101::1", "02:cc:00:00:00:02"},
	[DENIED] = {"203.0.113.1", "2001:db8:113::1", "02:cc:00:00:00:02"},
	[CALLER] = {"192.0.2.1", "2001:db8:2::1", "02:cc:00:00:00:02"},
	[LINK_LOCAL] = {"169.254.0.2", "fe80::2", "02:00:00:00:00:02"},
	[FAR_LINK_LOCAL] = {"169.254.0.9", "fe80::9", "02:00:00:00:01:02"},
	[LOOPBACK] = {"127.0.0.1", "::1", "02:aa:00:00:00:02"},
	[MAPPED] = {"0.0.0.0", "::ffff:10.0.1.2", "02:00:00:00:01:02"},
	[BROADCAST] = {"255.255.255.255", "ff02::1", "ff:ff:ff:ff:ff:ff"},
	[MULTICAST] = {"224.0.0.251", "ff02::fb", "33:33:00:00:00:fb"},
	[ROUTERS] = {"224.0.0.2", "ff02::2", "33:33:00:00:00:02"},
	[MLD_ROUTERS] = {"224.0.0.22", "ff02::16", "33:33:00:00:00:16"},
	[GLOBAL_GROUP] = {"239.1.1.1", "ff0e::1", "33:33:00:00:00:01"},
	[SOLICIT_POD] = {"0.0.0.0", "ff02::1:ff00:2", "33:33:ff:00:00:02"},
	[SOLICIT_PEER] = {"0.0.0.0", "ff02::1:ff00:3", "33:33:ff:00:00:03"},
	[SOLICIT_FAR] = {"0.0.0.0", "ff02::1:ff00:12", "33:33:ff:00:00:12"},
	[SOLICIT_MISSING] = {"0.0.0.0", "ff02::1:ff00:77", "33:33:ff:00:00:77"},
	[SOLICIT_GATEWAY] = {"0.0.0.0", "ff02::1:ff00:1", "33:33:ff:00:00:01"},
	[SOLICIT_SILENT] = {"0.0.0.0", "ff02::1:ff00:1", "33:33:ff:00:00:01"},
	[SOLICIT_STRANGER] = {"0.0.0.0", "ff02::1:ff00:66", "33:33:ff:00:00:66"},
};

static struct {
	uint8_t ipv4[4], ipv6[16], mac[6];
} parsed[WHO_COUNT];
static bool is_parsed;

static void parse_all(void) {
	for (int i = 0; i < WHO_COUNT; i++) {
		uint8_t *m = parsed[i].mac;
		int fields = sscanf(NAMED[i].mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]);
		if (inet_pton(AF_INET, NAMED[i].ipv4, parsed[i].ipv4) != 1 || inet_pton(AF_INET6, NAMED[i].ipv6, parsed[i].ipv6) != 1 ||
			fields != 6) {
			fprintf(stderr, "who.c: entry %d is wrong\n", i);
			abort();
		}
	}
	is_parsed = true;
}

const uint8_t *who_mac(enum who who) {
	if (!is_parsed)
		parse_all();
	return parsed[who].mac;
}

const uint8_t *who_ipv4(enum who who) {
	if (!is_parsed)
		parse_all();
	return parsed[who].ipv4;
}

const uint8_t *who_ipv6(enum who who) {
	if (!is_parsed)
		parse_all();
	return parsed[who].ipv6;
}

void who_address(enum who who, int family, uint8_t ret_address[16]) {
	if (family == 6) {
		memcpy(ret_address, who_ipv6(who), 16);
		return;
	}
	memset(ret_address, 0, 10);
	memset(ret_address + 10, 0xff, 2);
	memcpy(ret_address + 12, who_ipv4(who), 4);
}
