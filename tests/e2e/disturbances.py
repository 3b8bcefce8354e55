# SPDX-License-Identifier: Apache-2.0
"""What happens to agents, nodes and the API server while Pods talk: running flows lose nothing, nothing leaks, all comes back."""
import json
import os
import time

from cluster import TOP, apply, expect, get, items, kubectl, on_node, pod, pod_spec, run, wait_for
from flows import Flows
from reachability import check_matrix
from world import PORT, SPACE

AGENT = ["-n", "kube-system", "daemonset/libvpc-agent"]
LIST = "/etc/cni/net.d/10-pods.conflist"
SECONDS_WITHOUT_API_SERVER = 60 if os.environ.get("LIBVPC_LONG_TESTS") else 20


def _await_agents():
    kubectl("rollout", "status", *AGENT, "--timeout=120s", deadline=150)


def _agent_process(node):
    return on_node(node, "pidof", "vpc-controller", check=False).stdout.split()


def _kill_agent(node):
    """SIGKILL; until another process is ready."""
    before = wait_for(f"agent on {node}", lambda: _agent_process(node))
    on_node(node, "kill", "-KILL", *before)
    wait_for(f"another agent on {node}", lambda: _agent_process(node) and _agent_process(node) != before)
    _await_agents()


def check_agent_restarts(world):
    """Killed on both nodes, then all of them exchanged by a rollout, under flows."""
    flows = Flows(world)
    for node in world.nodes.values():
        _kill_agent(node)
    kubectl("rollout", "restart", *AGENT)
    _await_agents()
    return flows.judge()


def check_api_server_away(world):
    """Running Pods go on, also across a restart of an agent; a VPC Pod whose ADD the agent cannot decide waits."""
    manager = next(found["metadata"]["name"] for found in items("nodes") if "node-role.kubernetes.io/control-plane" in found["metadata"]["labels"])
    manifests, aside = "/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/kube-apiserver.aside"
    flows = Flows(world)
    on_node(manager, "mv", manifests, aside)
    try:
        wait_for("end of the API server", lambda: not on_node(manager, "pidof", "kube-apiserver", check=False).stdout.strip())
        away_since = time.monotonic()
        before = _agent_process(world.nodes["a"])
        on_node(world.nodes["a"], "kill", "-KILL", *before)
        wait_for("another agent, without the API server", lambda: _agent_process(world.nodes["a"]) not in ([], before))
        wait_for("the time to be over", lambda: time.monotonic() >= away_since + SECONDS_WITHOUT_API_SERVER, SECONDS_WITHOUT_API_SERVER + 30)
    finally:
        on_node(manager, "mv", aside, manifests)
    wait_for("API server", lambda: kubectl("get", "--raw", "/readyz") == "ok", 180)
    wait_for("agents that are ready", lambda: _await_agents() is None, 180)
    return flows.judge()


def check_agent_absent(world):
    """Without an agent no Pod starts, the price of failing closed, and Pods end all the same; once there is one, all is as it would have been."""
    absent = {"spec": {"template": {"spec": {"nodeSelector": {"libvpc.io/nowhere": "true"}}}}}
    present = {"spec": {"template": {"spec": {"nodeSelector": {"libvpc.io/nowhere": None}}}}}
    flows, waiting = Flows(world), ["waiting", "waiting-plain"]
    leaving = world.actors["green-a2"]
    kubectl("patch", *AGENT, "-p", json.dumps(absent))
    try:
        wait_for("end of the agents", lambda: not any(_agent_process(node) for node in world.nodes.values()))
        for name, vpc in zip(waiting, ("red", None)):
            apply(pod(name, SPACE, pod_spec(f"probe serve {name} {PORT} && exec sleep 1000000", world.nodes["a"]), vpc))
        kubectl("delete", "pod", "-n", SPACE, leaving.pod, "--timeout=60s")
        for name in waiting:
            wait_for(f"Event about {name}", lambda: any(
                "no agent" in event["message"] for event in items("events", "-n", SPACE, f"--field-selector=involvedObject.name={name}")))
            expect(get("pod", "-n", SPACE, name)["status"]["phase"] == "Pending", f"{name} runs without an agent")
    finally:
        kubectl("patch", *AGENT, "-p", json.dumps(present))
    _await_agents()
    kubectl("wait", "-n", SPACE, *(f"pod/{name}" for name in waiting), "--for=condition=Ready", "--timeout=120s", deadline=150)
    wait_for("end of the left Pod's endpoints", lambda: leaving.pod not in json.dumps(items("vpcendpoints")))
    told = flows.judge()
    kubectl("delete", "-n", SPACE, "pod", *waiting, "--now")
    kubectl("rollout", "status", "-n", SPACE, f"deployment/{leaving.name}", "--timeout=120s", deadline=150)
    world.look()
    return f"{told}; {check_matrix(world, [leaving.name, 'plain-a'])}"


def check_list_overwritten(world):
    """The main plugin's installer writes its list anew while Pods start: the list is repaired, and every Pod ends up confined."""
    node = world.nodes["a"]
    ours = lambda: '"vpc-cni"' in on_node(node, "cat", LIST)
    expect(ours(), f"vpc-cni does not stand in {LIST}")
    names = [f"starting-{number}" for number in range(6)]
    apply(*(pod(name, SPACE, pod_spec(f"probe serve {name} {PORT} && exec sleep 1000000", node), "blue") for name in names))
    for _ in range(3):
        on_node(node, "sh", "-euc", f"jq 'del(.plugins[] | select(.type == \"vpc-cni\"))' {LIST} >/tmp/list && mv /tmp/list {LIST}")
        wait_for("the repaired list", ours)
    kubectl("wait", "-n", SPACE, *(f"pod/{name}" for name in names), "--for=condition=Ready", "--timeout=120s", deadline=150)
    _await_agents()
    wait_for("all Pods in blue", lambda: all(
        any(name == found["name"] for endpoints in items("vpcendpoints") for found in endpoints["spec"].get("pods", [])) for name in names))
    addresses = [f"{found['metadata']['name']}={found['status']['podIP']}" for found in items("pods", "-n", SPACE) if found["metadata"]["name"] in names]
    for source, answers in (("blue-b", True), ("plain-b", False), ("red-b", False)):
        actor = world.actors[source]
        lines = kubectl("exec", "-n", actor.space, actor.pod, "--", "probe", "ask", "3000", str(PORT), *addresses).splitlines()
        wrong = [line for line in lines if line.endswith(" yes") != answers]
        expect(not wrong, f"{source} asks Pods of blue: {'; '.join(wrong)}")
    kubectl("delete", "-n", SPACE, "pod", *names, "--now")
    return f"{len(names)} Pods, three times overwritten"


def check_node_restart(world):
    """Node b goes down and comes back: every Pod on it is made anew, and the matrix is what it was."""
    node = world.nodes["b"]
    started = {found["metadata"]["uid"]: _restarts(found) for found in _pods_on(node)}
    run(os.path.join(TOP, "hack/kind"), "restart", node, deadline=180)
    wait_for(f"node {node}", lambda: any(condition["type"] == "Ready" and condition["status"] == "True" for condition in get("node", node)["status"]["conditions"]), 180)
    wait_for("restarted Pods", lambda: all(_restarts(found) > started.get(found["metadata"]["uid"], -1) and _is_ready(found) for found in _pods_on(node)), 180)
    _await_agents()
    world.look()
    world.allow_amber()
    return check_matrix(world)


def _pods_on(node):
    return [found for found in items("pods", "-n", SPACE, "--field-selector", f"spec.nodeName={node}") if "deletionTimestamp" not in found["metadata"]]


def _restarts(found):
    return sum(state["restartCount"] for state in found["status"].get("containerStatuses", []))


def _is_ready(found):
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in found["status"].get("conditions", []))
