# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# One node with a real agent, real CNI plugins and a real kernel; sourced.
#
#   Pod agent-p1 --- veth (ptp) --- node agent-n1: vpc-controller   eth0 172.31.0.1 --- underlay agent-u
#
# The script that sources it runs in mount and PID namespaces of its own, so that it leaves nothing behind.
shopt -s nullglob
if [[ -z ${AGENT_NODE_TEST:-} ]]; then
	((EUID == 0)) || { echo "needs root (network namespaces, BPF)"; exit 77; }
	[[ -x /usr/lib/cni/ptp ]] || { echo "needs containernetworking-plugins (/usr/lib/cni/ptp)"; exit 77; }
	AGENT_NODE_TEST=1 exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$(realpath "$1")" "${@:2}"
fi

bin=$1/bin node=/run/netns/agent-n1
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir -p /run/netns /run/m /run/state
mount -t tmpfs -o size=64k tmpfs /run/state
checks=0

fail() {
	echo "$(basename "$0"): $*" >&2
	[[ ! -s /run/answer ]] || cat /run/answer >&2
	tail -n 25 /run/log >&2 || true
	exit 1
}

# must DESCRIPTION COMMAND...
must() {
	local what=$1
	shift
	"$@" || fail "not so: $what"
	checks=$((checks + 1))
	echo "  $what"
}

# must_within SECONDS DESCRIPTION COMMAND...: 30 guards against hangs only, less is what is promised. What the command leaves in
# /run/difference tells why it failed.
must_within() {
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" 2>/dev/null; do
		((SECONDS < deadline)) || fail "not in time: $what$([[ ! -s /run/difference ]] || printf '\n%s' "$(</run/difference)")"
		sleep 0.05
	done
	checks=$((checks + 1))
	echo "  $what"
}

# condition KIND-NAME TYPE STATUS REASON: as the status folder has it
condition() { grep -A3 "type: \"$2\"" "/run/m/status/$1.yaml" | grep -A1 "status: \"$3\"" | grep "reason: \"$4\"" >/dev/null; }
# event NAME REASON [FIELD VALUE]: one Event, with that field
event() {
	local found
	found=$(grep -l "reason: \"$2\"" "/run/m/events/$1".*) || return
	[[ $(wc -l <<<"$found") == 1 ]] && { [[ -z ${3:-} ]] || grep "$3: $4" "$found" >/dev/null; }
}
not() { ! "$@"; }
on_node() { nsenter --net=$node "$@"; }

agent_options=(--underlay 172.31.0.1 --uplink eth0)
start_agent() {
	rm -f /run/ready
	nsenter --net=$node "$bin/vpc-controller" --node n1 --manifests /run/m "${agent_options[@]}" --state /run/state --ready-file /run/ready 2>>/run/log &
	agent=$!
	must_within 30 "the agent is ready" test -e /run/ready
}

kill_agent() {
	kill -KILL "$agent"
	wait "$agent" 2>/dev/null || true
}

# manifest NAME: from stdin, at once
manifest() {
	cat >"/run/m/.new"
	mv /run/m/.new "/run/m/$1.yaml"
}

# pod NAME [ANNOTATION]: manifest and network namespace
pod() {
	local annotations='{}'
	[[ -z ${2+x} ]] || annotations="{libvpc.io/vpc: \"$2\"}"
	manifest "pod-$1" <<<"{apiVersion: v1, kind: Pod, metadata: {name: $1, annotations: $annotations}, spec: {nodeName: n1}}"
	[[ -e /run/netns/agent-$1 ]] || ip netns add "agent-$1"
}

configuration='"cniVersion":"1.0.0","name":"agent-test"'
main_configuration="{$configuration,\"type\":\"ptp\",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"/run/ipam\",\"ranges\":[[{\"subnet\":\"10.99.0.0/24\"}],[{\"subnet\":\"fd99::/64\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}"

# plugin PATH VERB POD [ARGUMENTS]: reads the configuration from stdin
plugin() {
	on_node env CNI_PATH=/usr/lib/cni CNI_COMMAND="$2" CNI_CONTAINERID="c-$3" CNI_NETNS="/run/netns/agent-$3" CNI_IFNAME=eth0 \
		CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=$3" "$1"
}

main() { plugin /usr/lib/cni/ptp "$1" "$2" <<<"$main_configuration"; }

# vpc VERB POD: vpc-cni behind the main plugin's result; answer in /run/answer
vpc() {
	local result='{}'
	[[ ! -e /run/result-$2 ]] || result=$(cat "/run/result-$2")
	plugin "$bin/vpc-cni" "$1" "$2" <<<"{$configuration,\"type\":\"vpc-cni\",\"prevResult\":$result}" >/run/answer 2>>/run/log
}

# attach POD: ADD, again where the answer is "try again", as the kubelet does
attach() {
	local deadline=$((SECONDS + 30))
	until vpc ADD "$1"; do
		answered 11 && ((SECONDS < deadline)) || return
	done
}

add() {
	main ADD "$1" >"/run/result-$1"
	attach "$1"
}

delete() {
	vpc DEL "$1" || return
	main DEL "$1" >/dev/null
	rm -f "/run/result-$1"
}

answered() { [[ $(jq -r .code /run/answer) == "$1" ]]; }
says() { jq -r .msg /run/answer | grep -- "$1" >/dev/null; }
refuses() { not vpc ADD "$1" && answered "$2" && says "$3"; }
logged() { grep -q -- "$1" /run/log; }

programs() { on_node "$bin/vpcctl" status -o json | jq -r '.attachments[] | "\(.interface) \(.program) \(.programId // .program_id // .id)"' | sort; }
pod_programs() { programs | grep -c '_pod ' || true; }
published() { grep -l "name: \"$1\"" /run/m/vpcendpoints/* >/dev/null; }
no_record() { ! compgen -G '/run/state/pods/*.json' >/dev/null; }
pod_programs_are() { [[ $(pod_programs) == "$1" ]]; }
before=''
same_programs() { [[ $(programs) == "$before" ]]; }
rule_stands() { on_node nft list chain inet libvpc forward 2>/dev/null | grep "udp dport 14789 drop" >/dev/null; }
reaches() { nsenter --net="/run/netns/agent-$1" ping -c 1 -W 1 "$(jq -r '.ips[0].address | sub("/.*"; "")' "/run/result-$2")" >/dev/null; }

ip netns add agent-u
ip netns add agent-n1
ip -n agent-u link add name n1 type veth peer name eth0 netns agent-n1
ip -n agent-u address add 172.31.0.254/24 dev n1
ip -n agent-u link set n1 up
ip -n agent-n1 address add 172.31.0.1/24 dev eth0
ip -n agent-n1 link set eth0 up
ip -n agent-n1 link set lo up
mount -t bpf bpf /sys/fs/bpf
cat >/run/m/a.yaml <<-END
	apiVersion: libvpc.io/v1alpha1
	kind: VPC
	metadata: {name: red}
	spec: {encapsulation: vxlan, namespaces: ["*"]}
	---
	apiVersion: libvpc.io/v1alpha1
	kind: VPC
	metadata: {name: private}
	spec: {encapsulation: vxlan, namespaces: [other]}
	---
	{apiVersion: v1, kind: Node, metadata: {name: n1}}
END

