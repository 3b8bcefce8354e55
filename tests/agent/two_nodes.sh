# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Two nodes with real agents, and flows of 1 kHz between their Pods; sourced. Its first argument is the build.
#
#   red-1  --- n1 ---- [ underlay bridge ] ---- n2 --- red-2        red-1 sends to red-2, and tries blue-1 and blue-2
#   blue-1 --'         VXLAN                    '----- blue-2       blue-2 sends to blue-1, and tries red-1 and red-2
#
# The script that sources it runs as process 1 of mount and PID namespaces of its own: what is made here ends with it.
((EUID == 0)) || { echo "skipped: needs root (network namespaces, BPF)"; exit 77; }
for plugin in ptp bridge host-local; do
	[[ -x /usr/lib/cni/$plugin ]] || { echo "skipped: no CNI plugin $plugin (package containernetworking-plugins)"; exit 77; }
done
if [[ -z ${TWO_NODES_TEST:-} ]]; then
	TWO_NODES_TEST=1 exec unshare --mount --pid --fork --kill-child --mount-proc "$(realpath "$0")" "$(realpath "$1")" "${@:2}"
fi

trap 'exit 130' INT
trap 'exit 143' TERM
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/hack/demo.d
# shellcheck source=hack/lib/shell.sh
source "$root/hack/lib/shell.sh"
# shellcheck source=hack/demo.d/nodes.sh
source "$here/nodes.sh"
command_name=$(basename "$0")
build=$1 bin=$1/bin flow=$1/tests/agent/flow port=7008
export CNI_PATH=$bin:/usr/lib/cni
pods=(red-1 red-2 blue-1 blue-2) later=() # there is a manifest of those that come later
declare -A agents receivers

show_logs() { tail -n 20 /run/n?.log >&2 || true; }
trap show_logs EXIT

# must DESCRIPTION COMMAND...
must() {
	"${@:2}" || fail "not so: $1"
	echo "  $1"
}

# write_manifests [FIELDS_OF_RED [FIELDS_OF_BLUE]]: what their `spec` says besides, beginning with a comma
write_manifests() {
	local pod
	mkdir -p /run/manifests
	{
		echo '{apiVersion: v1, kind: Namespace, metadata: {name: default}}'
		printf -- '---\n{apiVersion: v1, kind: Node, metadata: {name: n%s}, status: {addresses: [{type: InternalIP, address: 172.30.0.%s}]}}\n' 1 1 2 2
		printf -- '---\n{apiVersion: libvpc.io/v1alpha1, kind: VPC, metadata: {name: %s}, spec: {encapsulation: vxlan, namespaces: [default]%s}}\n' \
			red "${1:-}" blue "${2:-}"
		for pod in "${pods[@]}" "${later[@]}"; do
			printf -- '---\n{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: default, annotations: {libvpc.io/vpc: %s}}, spec: {nodeName: n%s}}\n' \
				"$pod" "${pod%%-*}" "${pod##*-}"
		done
	} >/run/cluster.yaml
	mv /run/cluster.yaml /run/manifests/
}

addresses_of() { jq -r '.ips[].address | sub("/.*"; "")' "/run/results/$1"; }

attach_pod() {
	ip netns add "$1"
	ip -n "$1" link set lo up
	on "n${1##*-}" "$here/cni" ADD "$here/n${1##*-}.conflist" "$1" "/run/results/$1"
}

detach_pod() {
	on "n${1##*-}" "$here/cni" DEL "$here/n${1##*-}.conflist" "$1" "/run/results/$1"
	ip netns del "$1"
}

reaches() {
	local address
	for address in $(addresses_of "$2"); do nsenter --net="/run/netns/$1" ping -q -c 1 -W 1 "$address" || return; done
}

# know POD OTHER: on one bridge no address of the other VPC is ever resolved; who knows the MAC could still send
know() {
	local address mac
	mac=$(ip -n "$2" -j link show eth0 | jq -r '.[0].address')
	for address in $(addresses_of "$2"); do ip -n "$1" neighbour replace "$address" lladdr "$mac" dev eth0 nud permanent; done
}

is_listening() { grep -q listening "/run/$1.$2"; }
start_receiver() {
	nsenter --net="/run/netns/$1" "$flow" receive "${1%%-*}" $port >"/run/$1.received" &
	receivers[$1]=$!
	wait_for 5 "receiver in $1" is_listening "$1" received
}

# start_nodes [FIELDS_OF_RED [FIELDS_OF_BLUE]]
start_nodes() {
	mount -t tmpfs tmpfs /run
	mount -t tmpfs tmpfs /var/lib
	mkdir -p /run/results
	write_manifests "$@"
	add_underlay
	add_node 1 2
	add_node 2 1
	for node in "${nodes[@]}"; do start_agent "$node"; done
	for node in "${nodes[@]}"; do await_agent "$node"; done
	for pod in "${pods[@]}"; do attach_pod "$pod"; done
	for pair in "red-1 red-2" "red-2 red-1" "blue-1 blue-2" "blue-2 blue-1"; do
		# shellcheck disable=SC2086
		wait_for 10 "answer between $pair" reaches $pair
	done
	know blue-2 red-2
	for pod in "${pods[@]}"; do start_receiver "$pod"; done
}

start_flows() {
	drops_before=$(($(dropped n1) + $(dropped n2)))
	# shellcheck disable=SC2046
	nsenter --net=/run/netns/red-1 "$flow" send red $port $(addresses_of red-2; addresses_of blue-1; addresses_of blue-2) >/run/red.sent &
	red=$!
	# shellcheck disable=SC2046
	nsenter --net=/run/netns/blue-2 "$flow" send blue $port $(addresses_of blue-1; addresses_of red-1; addresses_of red-2) >/run/blue.sent &
	blue=$!
	started=${EPOCHREALTIME/[.,]/}
}

# end_agent NODE SIGNAL
end_agent() {
	kill "-$2" "${agents[$1]}"
	wait "${agents[$1]}" 2>/dev/null || [[ $2 == KILL ]] || fail "the agent of $1 ends with status $? after SIG$2"
	on "$1" rm -f /run/libvpc/ready
}

# has_lost_none POD SENT: every number came exactly once, in both families
has_lost_none() {
	[[ $(grep -c " received=$2 missing=0 repeated=0 " "/run/$1.received") == 2 ]] || { cat "/run/$1.received"; return 1; }
}
has_no_foreign() { grep -qx foreign=0 "/run/$1.received" || { cat "/run/$1.received"; return 1; }; }
dropped() { on "$1" "$bin/vpcctl" drops -o json | jq '[.drops[].count] | add // 0'; }

# Ends the flows and says what became of them.
judge_flows() {
	local milliseconds=$(((${EPOCHREALTIME/[.,]/} - started) / 1000)) red_sent blue_sent
	kill -TERM $red $blue
	wait $red || fail "red-1 could not send"
	wait $blue || fail "blue-2 could not send"
	kill -TERM "${receivers[@]}"
	wait "${receivers[@]}"
	red_sent=$(</run/red.sent) blue_sent=$(</run/blue.sent)
	echo "$1 in $milliseconds ms"
	must "red-1 and blue-2 have kept sending" test $((2 * (red_sent < blue_sent ? red_sent : blue_sent))) -gt "$milliseconds"
	must "red-2 has each of red-1's $red_sent packets of both families, once" has_lost_none red-2 "$red_sent"
	must "blue-1 has each of blue-2's $blue_sent" has_lost_none blue-1 "$blue_sent"
	for pod in "${pods[@]}"; do must "$pod has no packet of the other VPC" has_no_foreign "$pod"; done
	must "the datapath has dropped what was foreign" test $(($(dropped n1) + $(dropped n2) - drops_before)) -ge $((4 * (red_sent + blue_sent)))
}
