# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Two ends of a wire, for test scripts that source this file after tests/cli/room.sh:
#
#   (this namespace) near 10.0.0.1, fd00::1 ---- veth, two queues ---- far 10.0.0.2, fd00::2 (namespace far)
#                      ^ port filter
#
# Both ends echo on TCP and UDP ports 22, 80 and 4789; near on 40000 as well.
# shellcheck disable=SC2154 # vpcctl, work, here
peers=()
stop_peers() { ((${#peers[@]} == 0)) || kill "${peers[@]}" 2>/dev/null || true; }
trap 'stop_peers; rmdir "$work" 2>/dev/null || find "$work" -delete' EXIT

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.05
	done
}

far() { ip netns exec far "$@"; }
mkdir "$work/bin"
ln -s "$here/peer.py" "$work/bin/peer"
PATH=$work/bin:$PATH

# start_server NAME COMMAND...: a server that says when it is ready
start_server() {
	local name=$1
	shift
	"$@" >"$work/$name" 2>&1 &
	peers+=($!)
	wait_for 30 grep -q ready "$work/$name" || { cat "$work/$name"; echo "no server $name in time"; exit 1; }
}

add_ends() {
	ip link set lo up
	ip netns add far
	ip link add name near numtxqueues 2 numrxqueues 2 type veth peer name far netns far numtxqueues 2 numrxqueues 2
	ip address add 10.0.0.1/24 dev near
	ip address add fd00::1/64 dev near nodad
	ip -n far address add 10.0.0.2/24 dev far
	ip -n far address add fd00::2/64 dev far nodad
	ip link set near up
	ip -n far link set far up
	ip -n far link set lo up
	start_server near_server peer serve 22 80 4789 40000
	start_server far_server far peer serve 22 80 4789
	wait_for 30 far peer ask tcp 10.0.0.1 80 && wait_for 30 far peer ask tcp fd00::1 80 || { echo "no traffic before any filter"; exit 1; }
}

# answers DESCRIPTION COMMAND...: the command gets its answer; `silent`: it does not
answers() {
	local description=$1
	shift
	if "$@" >"$work/out" 2>&1; then passed "$description"; else failed "$description" "no answer" "$("$vpcctl" filter show --interface near 2>&1 | grep -v ' 0  ')"; fi
}
silent() {
	local description=$1
	shift
	if "$@" >"$work/out" 2>&1; then failed "$description" "there is an answer"; else passed "$description"; fi
}

# counted VERDICT: how often
counted() { "$vpcctl" filter show --interface "${2:-near}" -o json | jq --arg verdict "$1" '.counters[] | select(.verdict == $verdict) | .packets'; }

# packets_in FILE FILTER...: how many packets of the pcap file the filter of tcpdump takes
packets_in() { tcpdump --count -n -r "$@" 2>/dev/null | sed 's/ packet.*//'; }
