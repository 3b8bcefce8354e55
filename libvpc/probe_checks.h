/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that vpc_probe() looks at, in its order. `vpcctl doctor --help` is made from this list, and a test holds the
 * man page against it.
 *
 *	X(id, name, what is looked at, what there is instead or still works, remedy, what it prevents)
 */
#ifndef VPC_PROBE_CHECKS_H
#define VPC_PROBE_CHECKS_H

#define VPC_USE_BPF (VPC_USE_ATTACH | VPC_USE_XDP | VPC_USE_VPCS)

#define VPC_CHECKS(X) \
	X(CAPABILITIES, "capabilities", "CAP_BPF and CAP_NET_ADMIN, of the first user namespace", \
		"", "run as root, or give the process CAP_BPF and CAP_NET_ADMIN", VPC_USE_BPF) \
	X(BPF, "bpf", "the kernel loads a classifier for this process", \
		"", "allow bpf() in the seccomp profile, security module or lockdown, or run a kernel that has it", VPC_USE_BPF) \
	X(JIT, "jit", "programs are compiled to machine code", \
		"programs are interpreted, several times slower", "sysctl -w net.core.bpf_jit_enable=1", 0) \
	X(MEMLOCK, "memlock", "the limit of locked memory, where the kernel counts BPF against it", \
		"", "raise it (ulimit -l unlimited, LimitMEMLOCK=infinity), or give CAP_SYS_RESOURCE", VPC_USE_BPF) \
	X(BPFFS, "bpffs", "a BPF file system for the pins", \
		"", "mount one: mount -t bpf bpf /sys/fs/bpf", VPC_USE_BPF) \
	X(PINS, "pins", "the folder of the pins can be written", \
		"", "make it writable: mount -o remount,rw /sys/fs/bpf", VPC_USE_BPF) \
	X(LAYOUT, "layout", "no pins of a newer version of libvpc stand there", \
		"", "run the newer version, or remove its pins", VPC_USE_VPCS) \
	X(BTF, "btf", "types of the kernel, for objects of others with CO-RE relocations", \
		"libvpc's own programs need none", "", 0) \
	X(TCX, "tcx", "programs in a tcx chain, by links that are replaced in one step", \
		"programs stand on clsact", "", 0) \
	X(CLSACT, "clsact", "the qdisc clsact and its filter bpf", \
		"programs stand on tcx, which takes 5 to 30 ms longer for each Pod", \
		"load the modules sch_ingress and cls_bpf, or run a kernel that has them", VPC_USE_ATTACH | VPC_USE_VPCS) \
	X(XDP, "xdp", "XDP programs load, and attach in generic mode", \
		"all but 'attach --direction xdp' works", "run a kernel that has XDP, if programs are to be attached there", VPC_USE_XDP) \
	X(VXLAN, "vxlan", "VXLAN devices that take their tunnel from each packet", \
		"", "load the module vxlan (modprobe vxlan), or run a kernel that has it", VPC_USE_VPCS) \
	X(MAPS, "maps", "the kinds of map that the datapath uses, those of tail calls included", \
		"", "run a kernel that has them", VPC_USE_VPCS) \
	X(HELPERS, "helpers", "the kernel functions that the datapath calls, such as redirect_peer", \
		"", "run a kernel that has them", VPC_USE_VPCS) \
	X(DATAPATH, "datapath", "the verifier accepts every program of the datapath", \
		"", "report it with this line and the kernel's version", VPC_USE_VPCS) \
	X(EVENTS, "events", "ring buffers, or else perf buffers, for tools that follow packets", \
		"libvpc itself uses neither", "", 0) \
	X(NFTABLES, "nftables", "nftables, for the rule against forged VXLAN", \
		"", "load the module nf_tables (modprobe nf_tables), or run a kernel that has it", VPC_USE_VPCS) \
	X(UPLINK, "uplink", "the interface towards the other nodes, and its MTU", \
		"", "name another one (--interface), or set a larger MTU: ip link set dev UPLINK mtu 1500", VPC_USE_VPCS) \
	X(UDP_PORT, "udp-port", "the UDP port of VXLAN is free, or libvpc's own", \
		"", "choose another port (udpPort of the ConfigMap), or remove what holds it: ss -lun, ip -d link show type vxlan", VPC_USE_VPCS) \
	X(OFFLOADS, "offloads", "offloads of the uplink that are known to break VXLAN or VLAN", \
		"", "ethtool -K UPLINK FEATURE off, for each that is named", 0) \
	X(HOOKS, "hooks", "programs of others on tcx, clsact and XDP that see packets before libvpc's", \
		"", "remove them, or let them pass what belongs to VPCs", 0) \
	X(UNPRIVILEGED, "unprivileged-bpf", "whether any user may load programs (sysctl kernel.unprivileged_bpf_disabled)", \
		"", "sysctl -w kernel.unprivileged_bpf_disabled=2", 0) \
	X(FORWARDING, "forwarding", "whether the node forwards (sysctl net.ipv4.ip_forward, net.ipv6.conf.all.forwarding)", \
		"", "sysctl -w net.ipv4.ip_forward=1, if the main CNI plugin does not do so", 0) \
	X(RP_FILTER, "rp-filter", "whether the uplink drops what other interfaces would answer (sysctl rp_filter)", \
		"", "sysctl -w net.ipv4.conf.UPLINK.rp_filter=2", 0)

#define VPC_CHECK_AS_ENUM(id, ...) VPC_CHECK_##id,
enum vpc_check_id { VPC_CHECKS(VPC_CHECK_AS_ENUM) VPC_CHECK_COUNT };

#endif
