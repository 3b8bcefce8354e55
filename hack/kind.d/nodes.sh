# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # names of the cluster and its folders are hack/kind's
# What nodes need beside what kind gives them: a BPF file system, and where the main plugin is ptp or bridge its list, routes
# to the other nodes' Pods, and a masquerade for what leaves the cluster; sourced by hack/kind.

nodes() { run_docker ps --all --filter "label=io.x-k8s.kind.cluster=$name" --format '{{.Names}}' | sort; }
on_node() { run_docker exec -i "$@"; }

# put NODE PATH: standard input becomes this file of the node, whole or not at all
# shellcheck disable=SC2016
put() { on_node "$1" sh -euc 'mkdir -p "$(dirname "$1")"; cat >"$1.new"; chmod 0755 "$1.new"; mv "$1.new" "$1"' - "$2"; }

# Carried out at once, and by systemd whenever the node starts anew.
start_at_boot() {
	put "$1" /etc/systemd/system/libvpc-kind.service <<-'END'
		[Unit]
		Description=BPF file system and routes to other nodes' Pods
		Before=containerd.service kubelet.service
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/kind/libvpc-start
		[Install]
		WantedBy=multi-user.target
	END
	on_node "$1" sh -euc 'systemctl enable --quiet libvpc-kind && systemctl restart libvpc-kind'
}

# A line for each node: its name, ranges of its Pods, and addresses, IPv4 first in both.
node_lines() {
	run_kubectl get nodes -o json | jq -r '.items[] | [.metadata.name,
		(.spec.podCIDRs | sort_by(contains(":"))[]), ([.status.addresses[] | select(.type == "InternalIP").address] | sort_by(contains(":"))[])] | join(" ")'
}
nodes_have_ranges() { run_kubectl get nodes -o json | jq -e --argjson nodes "$(nodes | wc -l)" '[.items[] | select(.spec.podCIDRs | length == 2)] | length == $nodes'; }

start_script() {
	local self=$1 node ipv4 ipv6 address4 address6
	printf '#!/bin/sh -eu\nmountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf\n'
	[[ $cni != kindnet ]] || return 0
	while read -r node ipv4 ipv6 address4 address6; do
		[[ $node == "$self" ]] || printf 'ip route replace %s via %s\nip route replace %s via %s\n' "$ipv4" "$address4" "$ipv6" "$address6"
	done <<<"$lines"
	cat <<-END
		nft -f - <<rules
		table inet leaving {}
		delete table inet leaving
		table inet leaving {
			chain postrouting {
				type nat hook postrouting priority srcnat
				ip saddr $pods_ipv4 ip daddr != { $pods_ipv4, 224.0.0.0/4 } oifname != lo masquerade
				ip6 saddr $pods_ipv6 ip6 daddr != { $pods_ipv6, ff00::/8 } oifname != lo masquerade
			}
		}
		rules
	END
}

# main_plugin IPV4-RANGE IPV6-RANGE
main_plugin() {
	local plugin='{type: "ptp"}'
	[[ $cni != bridge ]] || plugin='{type: "bridge", bridge: "cni0", isGateway: true, hairpinMode: true}'
	jq -n --arg ipv4 "$1" --arg ipv6 "$2" '{cniVersion: "1.0.0", name: "pods", plugins: [
		'"$plugin"' + {ipam: {type: "host-local", dataDir: "/run/cni-ipam",
			ranges: [[{subnet: $ipv4}], [{subnet: $ipv6}]], routes: [{dst: "0.0.0.0/0"}, {dst: "::/0"}]}},
		{type: "portmap", capabilities: {portMappings: true}}]}'
}

# The public node image has no bridge plugin.
bring_bridge() {
	local file
	on_node "$1" test -e /opt/cni/bin/bridge </dev/null && return
	for file in {/usr/lib,/opt}/cni/bridge /opt/cni/bin/bridge; do [[ ! -x $file ]] || break; done
	[[ -x $file ]] || fail "--cni bridge wants the plugin bridge, which neither the node image nor this machine has (package containernetworking-plugins)"
	put "$1" /opt/cni/bin/bridge <"$file"
}

# connect_nodes: also when a node has joined or got other addresses
connect_nodes() {
	local lines='' node ipv4 ipv6 _rest
	if [[ $cni != kindnet ]]; then
		wait_for 60 "ranges for every node's Pods" nodes_have_ranges
		lines=$(node_lines)
	fi
	for node in $(nodes); do
		start_script "$node" | put "$node" /kind/libvpc-start
		start_at_boot "$node"
	done
	while [[ -n $lines ]] && read -r node ipv4 ipv6 _rest; do
		[[ $cni != bridge ]] || bring_bridge "$node"
		main_plugin "$ipv4" "$ipv6" | put "$node" /etc/cni/net.d/10-pods.conflist
	done <<<"$lines"
}
