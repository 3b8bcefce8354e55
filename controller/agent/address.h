/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as text and as 16 bytes in network byte order; IPv4 is IPv4-mapped (::ffff:a.b.c.d, RFC 4291 2.5.5.2). */
#ifndef AGENT_ADDRESS_H
#define AGENT_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <vpc/vpc.h>

struct prefix {
	uint8_t address[16];
	uint8_t bits; /* of the family: 0 to 32 or 128 */
	bool is_ipv4;
};

/* 0 or -EINVAL. */
int address_parse(const char *text, uint8_t ret_address[16]);
/* buffer: 46 bytes (INET6_ADDRSTRLEN). Returns it. */
const char *address_format(const uint8_t address[16], char *buffer);
bool address_is_ipv4(const uint8_t address[16]);
bool address_is_zero(const uint8_t address[16]);
/* "10.0.0.0/8"; host bits must be zero. 0 or -EINVAL with a message. */
int prefix_parse(const char *text, struct prefix *ret_prefix, struct vpc_error *error);
/* "02:00:00:00:00:01"; 0 or -EINVAL. */
int mac_parse(const char *text, uint8_t ret_mac[6]);
/* buffer: 18 bytes. Returns it. */
const char *mac_format(const uint8_t mac[6], char *buffer);

#endif
