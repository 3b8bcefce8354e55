/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between vpc-cni and the agent: one request and one reply over a Unix stream socket, then the connection ends.
 *
 *	request  = header, environment, configuration
 *	reply    = header, body
 *	header   = magic "VPC1", u32 code, u32 first length, u32 second length    (host byte order: same machine)
 *
 * Request: code is enum vpc_cni_command; first = bytes of environment ("CNI_CONTAINERID=...\0CNI_NETNS=...\0..."),
 * second = bytes of the network configuration as the runtime wrote it to the plugin's stdin. Each at most 1 MiB.
 * Reply: code is 0 or the CNI error code; first = bytes of what the plugin prints on stdout; second = MTU that the
 * plugin sets on CNI_IFNAME in CNI_NETNS (0: leave it), no further bytes.
 *
 * Queue: one file for each DEL that no agent took, holding the request as it would have gone over the socket. The name is
 * 20 digits and ".del" and sorts by arrival; a name with a leading dot is unfinished and not the agent's to touch. The
 * agent carries a file out, then removes it.
 */
#ifndef VPC_CNI_PROTOCOL_H
#define VPC_CNI_PROTOCOL_H

#include <stdint.h>

#define VPC_CNI_SOCKET "/run/libvpc/cni.sock"
#define VPC_CNI_QUEUE "/var/lib/libvpc/cni-queue"
#define VPC_CNI_MAGIC 0x31435056u
#define VPC_CNI_LIMIT (1u << 20)

enum vpc_cni_command { VPC_CNI_ADD = 1, VPC_CNI_DEL, VPC_CNI_CHECK, VPC_CNI_STATUS, VPC_CNI_GC };

struct vpc_cni_header {
	uint32_t magic, code, first, second;
};

#endif
