/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What single frames cannot show: real sockets in the Pods of world.h, large and scattered packets, address translation by
 * the node, floods.
 *
 *	pod  10.0.0.2 ---- red1 \        / u0 ---- underlay (frames only)
 *	peer 10.0.0.3 ---- red2 -- node --
 *	                                 \ out0 -- outside (frames only)
 */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "row.h"

enum { DEADLINE = 2000 };

/* Takes all frames off all wires. */
void drain(void);
double seconds(void);
/* Waits until so many drops are counted; returns the reason last counted, and how many there were in *ret_count. */
enum vpc_drop_reason wait_for_drops(uint64_t count, uint64_t *ret_count);
/* A socket in the namespace, bound to the address. */
int open_socket(int namespace_fd, int type, enum who who, int family, uint16_t port);
void connect_to(int fd, enum who who, int family, uint16_t port);
/* By way of the node's interface to the outside. */
void send_from_outside(const struct layer *layers, int family);
bool has_addresses(const struct frame *frame, int family, const uint8_t *source, enum who destination);

/* scenario_large.c */
void streams_of_large_and_scattered_packets(void **state);
void segmented_datagrams_cross_the_underlay(void **state);
void segments_are_judged_not_packets(void **state);
void headers_beyond_linear_memory(void **state);
void a_sender_learns_the_path_mtu(void **state);
void a_narrower_underlay_is_learned(void **state);
void answers_about_size_are_limited(void **state);

/* scenario_outside.c */
void probes_are_the_nodes_own(void **state);
void allowed_flows_behind_the_nodes_source_address(void **state);
void callers_are_answered_with_source_translation_on(void **state);
void translated_services_are_judged_by_the_pods_view(void **state);

/* scenario_hostile.c */
void a_flood_of_fragments_harms_nobody(void **state);
void flows_are_held_to_the_quota(void **state);
void old_flows_are_over(void **state);
void a_rogue_changes_nothing_at_its_victim(void **state);
void a_confined_pod_has_no_network(void **state);

#endif
