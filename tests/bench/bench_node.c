// SPDX-License-Identifier: Apache-2.0
//
// Sets up the datapath of one node for the network benchmark, and leaves it to the kernel: two Pods here, one remote.
//
//   bench_node UPLINK UNDERLAY POD-INTERFACE,ADDRESS,MAC... -- REMOTE-ADDRESS,REMOTE-MAC,REMOTE-UNDERLAY...

#include "bench.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <vpc/vpc.h>

enum { VNI = 4097, MOST = 16 };

static void read_mapped(const char *text, uint8_t ret_address[16]) {
	char mapped[64];
	snprintf(mapped, sizeof mapped, "::ffff:%s", text);
	if (inet_pton(AF_INET6, mapped, ret_address) != 1)
		bench_fail("'%s' is no IPv4 address", text);
}

static void read_mac(const char *text, uint8_t mac[6]) {
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
		bench_fail("'%s' is no MAC address", text);
}

static void put_pod(struct vpc_datapath *datapath, char *text) {
	struct vpc_pod pod = {.encapsulation = VPC_VXLAN, .network_id = VNI};
	struct vpc_error error;
	const char *interface = strtok(text, ","), *address = strtok(NULL, ","), *mac = strtok(NULL, ",");
	pod.ifindex = if_nametoindex(interface);
	read_mac(mac, pod.mac);
	if (inet_pton(AF_INET, address, pod.ipv4) != 1 || vpc_datapath_put_pod(datapath, &pod, NULL, &error) < 0)
		bench_fail("%s: %s", interface, error.text);
}

static struct vpc_remote read_remote(char *text) {
	struct vpc_remote remote = {.encapsulation = VPC_VXLAN, .network_id = VNI};
	const char *address = strtok(text, ","), *mac = strtok(NULL, ","), *node = strtok(NULL, ",");
	read_mapped(address, remote.address);
	read_mac(mac, remote.mac);
	read_mapped(node, remote.node);
	return remote;
}

int main(int argc, char **argv) {
	struct vpc_datapath_options options = {.size = sizeof options};
	struct vpc_datapath *datapath;
	struct vpc_remote remotes[MOST];
	struct vpc_error error;
	size_t count = 0;
	int at = 3;
	if (argc < 3)
		bench_fail("usage: bench_node UPLINK UNDERLAY POD... -- REMOTE...");
	options.uplink_ifindex = if_nametoindex(argv[1]);
	read_mapped(argv[2], options.underlay);
	if (vpc_datapath_open(&options, &datapath, &error) < 0)
		bench_fail("%s", error.text);
	for (; at < argc && strcmp(argv[at], "--"); at++)
		put_pod(datapath, argv[at]);
	for (at++; at < argc && count < MOST; at++)
		remotes[count++] = read_remote(argv[at]);
	for (size_t i = 0; i < count; i++)
		if (vpc_datapath_set_nodes(datapath, &remotes[i].node, 1, &error) < 0)
			bench_fail("%s", error.text);
	if (vpc_datapath_set_remotes(datapath, VPC_VXLAN, VNI, remotes, count, &error) < 0)
		bench_fail("%s", error.text);
	vpc_datapath_free(datapath);
	return 0;
}
