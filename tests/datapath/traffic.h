/* SPDX-License-Identifier: Apache-2.0 */
/* Real packets between Pods. */
#ifndef TEST_DATAPATH_TRAFFIC_H
#define TEST_DATAPATH_TRAFFIC_H

#include "world.h"

enum traffic { UDP, TCP, PING, TRAFFICS };
extern const char *const TRAFFIC_NAMES[TRAFFICS];

/* Whether it gets from one Pod to the other and, but for UDP, back. Waits longer where it is expected to. */
bool passes(const struct pod *from, const struct pod *to, enum traffic traffic, bool ipv6, bool is_expected);

/* A UDP socket in the Pod, on the address, port 7000; and one datagram from it. */
int udp_open(const struct pod *pod, bool ipv6);
void udp_send(int fd, const struct pod *to, bool ipv6, const char *text);
/* Waits for a datagram; "" if none came in time. */
void udp_receive(int fd, int milliseconds, char ret_text[64]);

#endif
