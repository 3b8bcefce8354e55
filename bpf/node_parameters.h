/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is written into a node's copies of from_vxlan and from_trunk. */
#ifndef VPC_NODE_PARAMETERS_H
#define VPC_NODE_PARAMETERS_H

#include <linux/types.h>
#include "parameter.h"

VPC_PARAMETER(__u32, node_udp_port, "type=integer;range=1..65535;default=14789;text=UDP port of the VXLAN device");

#endif
