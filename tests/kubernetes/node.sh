# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The node of tests/agent/node.sh, whose agent reads a real API server; sourced. Its first argument is the build.
#
#   Pod agent-p1 --- veth (ptp) --- node agent-n1: vpc-controller --- 127.0.0.1:6443 kube-apiserver -- etcd
#                                        eth0 172.31.0.1 --- underlay agent-u 172.31.0.254
#
# It takes the place of the functions there that write and read manifests.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
binaries=$("$root/hack/cluster/binaries" --cached etcd kube-apiserver kubectl 2>&1) || { echo "skipped: $binaries"; exit 77; }
# shellcheck source=tests/agent/node.sh
source "$root/tests/agent/node.sh"
# shellcheck source=tests/kubernetes/apiserver.sh
source "$root/tests/kubernetes/apiserver.sh"
apiserver_in=(nsenter "--net=$node")
server=/run/server flow=$1/tests/agent/flow

kube() { on_node "$binaries/kubectl" --kubeconfig $server/admin.kubeconfig "$@"; }
apply() { kube apply -f - >/dev/null; }

start_agent_process() {
	rm -f /run/ready
	nsenter --net=$node "$bin/vpc-controller" --node n1 --kubeconfig $server/admin.kubeconfig "${agent_options[@]}" --state /run/state --ready-file /run/ready 2>>/run/log &
	agent=$!
}
start_agent() {
	start_agent_process
	must_within 30 "the agent is ready" test -e /run/ready
}

# vpc_object NAME [FIELDS]: its spec besides, beginning with a comma
vpc_object() { apply <<<"{apiVersion: libvpc.io/v1alpha1, kind: VPC, metadata: {name: $1}, spec: {encapsulation: vxlan, namespaces: [\"*\"]${2:-}}}"; }

# A network namespace for a Pod. Nobody else can have its addresses, and looking for duplicates costs each ADD a second or two.
add_namespace_of() {
	ip netns add "agent-$1"
	nsenter --net="/run/netns/agent-$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
}
# pod NAME [ANNOTATIONS [SPEC [NAMESPACE]]]: object and network namespace, e.g. pod p1 'libvpc.io/vpc: red' ', hostNetwork: true'
declare -A space_of uid_of
pod() {
	space_of[$1]=${4:-default}
	uid_of[$1]=$(kube apply -f - -o jsonpath='{.metadata.uid}' <<-END
		apiVersion: v1
		kind: Pod
		metadata: {name: $1, namespace: ${4:-default}, annotations: {${2:-}}}
		spec: {nodeName: n1, terminationGracePeriodSeconds: 0, containers: [{name: a, image: a}]${3:-}}
	END
	)
	[[ -e /run/netns/agent-$1 ]] || add_namespace_of "$1"
}
unpod() { kube delete pod -n "${space_of[$1]}" "$1" --force --grace-period=0 >/dev/null 2>&1; }
# running NAME [PHASE]: as its kubelet tells
running() {
	kube patch pod -n "${space_of[$1]}" "$1" --subresource=status --type=merge -p \
		"{\"status\":{\"phase\":\"${2:-Running}\",\"podIPs\":[{\"ip\":\"$(address_of "$1")\"}],\"podIP\":\"$(address_of "$1")\"}}" >/dev/null
}
annotate() { kube annotate --overwrite "$@" >/dev/null; }

plugin() {
	on_node env CNI_PATH=/usr/lib/cni CNI_COMMAND="$2" CNI_CONTAINERID="${container:-c-$3}" CNI_NETNS="/run/netns/agent-$3" CNI_IFNAME=eth0 \
		CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=${space_of[$3]};K8S_POD_NAME=$3;K8S_POD_UID=${uid_of[$3]}" "$1"
}
# cache NAME: the result as libcni leaves it on disk when all plugins of a list have succeeded
cache() {
	mkdir -p /var/lib/cni/results
	jq -c --arg name "$1" --arg space "${space_of[$1]}" --arg uid "${uid_of[$1]}" '{kind: "cniCacheV1", containerId: "c-\($name)", config: "e30=",
		ifName: "eth0", networkName: "agent-test", netns: "/run/netns/agent-\($name)", cniArgs: [["IgnoreUnknown", "1"],
		["K8S_POD_NAMESPACE", $space], ["K8S_POD_NAME", $name], ["K8S_POD_UID", $uid]], result: .}' "/run/result-$1" \
		>"/var/lib/cni/results/agent-test-c-$1-eth0"
}
address_of() { jq -r '.ips[0].address | sub("/.*"; "")' "/run/result-$1"; }
interface_of() { jq -r 'first(.interfaces[] | select(.sandbox | not)).name' "/run/result-$1"; }
standing() { on_node "$bin/vpcctl" status -o json | jq -r --arg name "$(interface_of "$1")" '.attachments[] | select(.interface == $name).program' | sort | paste -sd' '; }
# stands NAME PROGRAMS: at the host's end of its interface
stands() { [[ $(standing "$1") == "$2" ]]; }

# event NAME REASON [TEXT]: one of the object, in any namespace
event() {
	kube get events -A -o json | jq -e --arg name "$1" --arg reason "$2" --arg text "${3:-}" \
		'[.items[] | select(.involvedObject.name == $name and .reason == $reason and (.message | contains($text)))] | length == 1' >/dev/null
}
published() { kube get vpcendpoints -o json | jq -e --arg name "$1" '[.items[].spec.pods[]? | select(.name == $name)] | length == 1' >/dev/null; }
vpc_ready() { [[ $(kube get vpc "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}') == True ]]; }

stop_server() {
	apiserver_stop
	apiserver_process='' apiserver_etcd=''
}
start_server() { # again, with what it had
	apiserver_run_etcd
	apiserver_run
	must_within 180 "the API server is back" apiserver_ready
}

mkdir -p $server
mount -o remount,size=16m /run/state
on_node sysctl -qw net.ipv4.ip_forward=1
apiserver_start $server "$binaries" || fail "the API server does not start"
kube apply -f "$root/deploy/base/crds.yaml" >/dev/null
kube wait --for=condition=Established crd --all >/dev/null
echo '{apiVersion: v1, kind: Node, metadata: {name: n1}}' | apply
until kube get namespace default >/dev/null 2>&1; do sleep 0.1; done
for vpc in red blue; do vpc_object $vpc; done
