/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is written into each Pod's copies of from_pod and to_pod. */
#ifndef VPC_POD_PARAMETERS_H
#define VPC_POD_PARAMETERS_H

#include <linux/types.h>
#include "parameter.h"

typedef struct { __u8 bytes[6]; } vpc_mac;
typedef struct { __u8 bytes[16]; } vpc_ipv6;

VPC_PARAMETER(__u32, encapsulation, "type=integer;range=1..2;text=1 for VXLAN, 2 for VLAN");
VPC_PARAMETER(__u32, network_id, "type=integer;range=2..16777215;text=VXLAN network identifier (VNI) or VLAN ID of the Pod's VPC");
VPC_PARAMETER(vpc_mac, pod_mac, "type=mac;text=the Pod's MAC address");
VPC_PARAMETER(__be32, pod_ipv4, "type=ipv4;default=0.0.0.0;text=the Pod's IPv4 address, 0.0.0.0 if it has none");
VPC_PARAMETER(vpc_ipv6, pod_ipv6, "type=ipv6;default=::;text=the Pod's IPv6 address, :: if it has none");
VPC_PARAMETER(__u32, underlay_ifindex, "type=integer;range=1..2147483647;text=interface index of the VXLAN device or, for VLAN, of the uplink");
VPC_PARAMETER(vpc_mac, underlay_mac, "type=mac;default=00:00:00:00:00:00;text=MAC address of the uplink (VLAN only)");
VPC_PARAMETER(__u32, underlay_family, "type=integer;range=4..6;default=4;text=4 or 6: IP version of the outer header (VXLAN only)");
VPC_PARAMETER(__u32, mtu, "type=integer;range=576..65535;text=largest IP packet that the VPC carries to other nodes");

#endif
