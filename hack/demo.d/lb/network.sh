# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A client, a router, a balancer and backends in network namespaces. Sourced in a mount namespace with a bpffs and a
# /run/netns of its own, after shell.sh.
#
#                    20.1.1.100                 20.1.1.1   10.0.0.254
#                      client ─────────────────────── router ──┐
#                                                               │  [ lan: a bridge ]
#       balancer 10.0.0.1 ──────────────────────────────────────┤
#                         ┌─────────────┬─────────────┬─────────┴───┐
#                     b1 10.0.0.11  b2 10.0.0.12  b3 10.0.0.13  b4 10.0.0.14     each has the VIP on lo
#
# IPv6 likewise: 2001:db8:20::/64 and 2001:db8:10::/64. The VIP is 40.1.1.1 and 2001:db8:40::1.
: "${build:?the build folder}" "${work:?a folder for logs}"
vip=40.1.1.1 vip6=2001:db8:40::1

# inside NAMESPACE COMMAND...: keeps this mount namespace, and so its bpffs, which ip netns exec would not
inside() { nsenter --net="/run/netns/$1" -- "${@:2}"; }

# plug NAMESPACE BRIDGE ADDRESS...: eth0 of the namespace, with its other end on the bridge in namespace lan
plug() {
	local name=$1 bridge=$2
	shift 2
	ip netns add "$name"
	ip -n "$name" link set lo up
	ip -n lan link add name "$name" type veth peer name eth0 netns "$name"
	ip -n lan link set "$name" master "$bridge" up
	# What leaves in XDP is finished by no offload; a veth sends by XDP only to a peer that has a program, too.
	inside "$name" ethtool -K eth0 tx off gro off >/dev/null
	inside lan "$build/bin/vpcctl" attach "$build/bpf/lb_pass.bpf.o" --program pass --interface "$name" --direction xdp --hook xdp-native >/dev/null
	ip -n "$name" link set eth0 up
	local address
	for address; do add_address "$name" eth0 "$address"; done
}

add_address() {
	if [[ $3 == *:* ]]; then ip -n "$1" address add "$3" dev "$2" nodad; else ip -n "$1" address add "$3" dev "$2"; fi
}

quiet_sysctl() { inside "$1" sysctl -qw "${@:2}"; }

make_lan() {
	ip netns add lan
	ip -n lan link set lo up
	local bridge
	for bridge in outside lan; do
		ip -n lan link add name "$bridge" type bridge mcast_snooping 0
		ip -n lan link set "$bridge" up
	done
}

make_client_and_router() {
	plug client outside 20.1.1.100/24 2001:db8:20::100/64
	plug router lan 10.0.0.254/24 2001:db8:10::fe/64
	ip -n lan link add name router-out type veth peer name eth1 netns router
	ip -n lan link set router-out master outside up
	inside router ethtool -K eth1 tx off gro off >/dev/null
	ip -n router link set eth1 up
	add_address router eth1 20.1.1.1/24
	add_address router eth1 2001:db8:20::1/64
	quiet_sysctl router net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.send_redirects=0
	ip -n client route add default via 20.1.1.1
	ip -n client -6 route add default via 2001:db8:20::1
	ip -n router route add "$vip" via 10.0.0.1
	ip -n router -6 route add "$vip6" via 2001:db8:10::1
	quiet_sysctl client net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range="1024 65000"
}

make_balancer() {
	plug balancer lan 10.0.0.1/24 2001:db8:10::1/64
	ip -n balancer route add default via 10.0.0.254
	ip -n balancer -6 route add default via 2001:db8:10::fe
}

# make_backend NUMBER: namespace b<NUMBER>
make_backend() {
	local name=b$1
	plug "$name" lan "10.0.0.1$1/24" "2001:db8:10::1$1/64"
	add_address "$name" lo "$vip/32"
	add_address "$name" lo "$vip6/128"
	ip -n "$name" route add default via 10.0.0.254
	ip -n "$name" -6 route add default via 2001:db8:10::fe
	quiet_sysctl "$name" net.ipv4.tcp_max_syn_backlog=8192 net.core.somaxconn=4096
}

# start_server NUMBER: answers with its namespace's name on port 80
start_server() {
	inside "b$1" "$build/bin/lb_traffic" server 80 "b$1" >"$work/server-$1" &
	servers[$1]=$!
	wait_for 10 "server on b$1" grep -q ready "$work/server-$1"
}
declare -A servers
