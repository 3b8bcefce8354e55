# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Two nodes and their Pods; sourced by inside. Everything here lives in mounts and namespaces that end with the demo.
#
#   n1 172.30.0.1, fd30::1 ---- n1 [ bridge lan, namespace underlay ] n2 ---- 172.30.0.2, fd30::2 n2
#   Pods 10.244.1.0/24, fd00:10:244:1::/64 by ptp                  Pods 10.244.2.0/24, fd00:10:244:2::/64 by bridge

nodes=(n1 n2)

# on NODE COMMAND...: in a node's namespaces, which have their own /var/lib, /run/libvpc and bpffs
on() {
	local node=$1
	shift
	nsenter --target "$(</run/nodes/"$node")" --net --mount -- "$@"
}

add_underlay() {
	ip netns add underlay
	ip -n underlay link add name lan type bridge mcast_snooping 0
	ip -n underlay link set lan up
}

# What a node keeps for itself. Its mounts live as long as this process.
hold_node() {
	mount -t sysfs sysfs /sys
	mount -t bpf bpf /sys/fs/bpf
	mount -t tmpfs tmpfs /var/lib
	mount -t tmpfs tmpfs /run/libvpc
	echo $$ >"/run/nodes/$1"
	exec -a "node-$1" sleep infinity >/dev/null 2>&1
}
export -f hold_node

# add_node NUMBER OTHER_NUMBER
add_node() {
	local node=n$1 other=$2
	ip netns add "$node"
	ip -n underlay link add name "$node" type veth peer name eth0 netns "$node"
	ip -n underlay link set "$node" master lan up
	ip -n "$node" link set lo up
	ip -n "$node" address add "172.30.0.$1/24" dev eth0
	ip -n "$node" address add "fd30::$1/64" dev eth0 nodad
	ip -n "$node" link set eth0 up
	ip -n "$node" route add "10.244.$other.0/24" via "172.30.0.$other"
	ip -n "$node" route add "fd00:10:244:$other::/64" via "fd30::$other"

	mkdir -p /run/nodes /run/libvpc
	nsenter --net="/run/netns/$node" unshare --mount --propagation unchanged bash -euc "hold_node $node" </dev/null &
	wait_for 30 "node $node" test -s "/run/nodes/$node"
	on "$node" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

start_agent() {
	local node=$1
	nsenter --target "$(</run/nodes/"$node")" --net --mount -- "$bin/vpc-controller" --node "$node" --manifests /run/manifests --uplink eth0 \
		--underlay "172.30.0.${node#n}" --ready-file /run/libvpc/ready </dev/null >"/run/$node.log" 2>&1 &
	agents[$node]=$!
}

is_ready_or_dead() { on "$1" test -e /run/libvpc/ready || ! kill -0 "${agents[$1]}"; }
await_agent() {
	wait_for 30 "agent on $1" is_ready_or_dead "$1" && on "$1" test -e /run/libvpc/ready
}

# Every Pod manifest is a Pod: pods, node_of, vpc_of. Those of one VPC stand together.
read_pods() {
	local file pod
	for file in /run/manifests/{red,blue,green,plain}-*.yaml; do
		pod=$(sed -n 's/^  name: //p' "$file")
		pods+=("$pod")
		node_of[$pod]=$(sed -n 's/^  nodeName: //p' "$file")
		vpc_of[$pod]=$(sed -n 's/^    libvpc.io\/vpc: //p' "$file")
	done
}

add_pod() {
	local pod=$1 node=${node_of[$1]}
	ip netns add "$pod"
	ip -n "$pod" link set lo up
	on "$node" "$here/cni" ADD "$here/$node.conflist" "$pod" "/run/results/$pod"
	nsenter --net="/run/netns/$pod" "$probe" serve "$pod" "$port"
}

delete_pod() {
	on "${node_of[$1]}" "$here/cni" DEL "$here/${node_of[$1]}.conflist" "$1" "/run/results/$1"
}

# each COMMAND ITEM...: for all items at once; fails if one does
each() {
	local command=$1 item job jobs=() result=0
	shift
	for item in "$@"; do "$command" "$item" & jobs+=($!); done
	for job in "${jobs[@]}"; do wait "$job" || result=1; done
	return $result
}
