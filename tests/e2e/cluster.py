# SPDX-License-Identifier: Apache-2.0
# A cluster as the end-to-end tests see it: kubectl, its nodes, and waiting for what shall become true.
import concurrent.futures
import json
import os
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEADLINE = 120  # seconds; guards against hangs, measures nothing
IMAGE = "libvpc/e2e:1"


class Failure(Exception):
    """What a case did not find as it must be."""


def expect(holds, description):
    if not holds:
        raise Failure(description)


def run(*command, text=None, check=True, deadline=DEADLINE):
    """Standard output of a command; with check=False its end in any way, with `.stdout` and `.stderr`."""
    end = subprocess.run(command, input=text, capture_output=True, text=True, timeout=deadline, stdin=subprocess.DEVNULL if text is None else None)
    if not check:
        return end
    expect(end.returncode == 0, f"{' '.join(command)[:300]}: {end.stderr.strip() or end.stdout.strip()}")
    return end.stdout


def kubectl(*arguments, **options):
    return run("kubectl", *arguments, **options)


def get(*arguments):
    return json.loads(kubectl("get", *arguments, "-o", "json"))


def items(*arguments):
    return get(*arguments)["items"]


def apply(*objects, check=True):
    return kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), check=check)


def on_node(node, *command, **options):
    return run(os.path.join(TOP, "hack/kind"), "on", node, *command, **options)


def in_pod(namespace, pod, *command, **options):
    return kubectl("exec", "-n", namespace, pod, "--", *command, **options)


def wait_for(what, condition, seconds=DEADLINE):
    """The first true value of condition(); a Failure in it counts as "not yet"."""
    end, reason = time.monotonic() + seconds, ""
    while time.monotonic() < end:
        try:
            value = condition()
            if value:
                return value
        except Failure as failure:
            reason = f": {failure}"
        time.sleep(0.2)
    raise Failure(f"no {what} within {seconds} s{reason}")


def at_once(function, things, workers=4):
    """[function(thing), ...], several at a time."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, things))


def workers():
    """The two nodes that Pods of the tests run on."""
    names = sorted(node["metadata"]["name"] for node in items("nodes") if "node-role.kubernetes.io/control-plane" not in node["metadata"]["labels"])
    expect(len(names) >= 2, f"two workers are wanted, there are {len(names)}")
    return names[:2]


def node_addresses(name):
    return [address["address"] for address in get("node", name)["status"]["addresses"] if address["type"] == "InternalIP"]


# ---- objects ----


def vpc(name, encapsulation="vxlan", namespaces=("*",), **spec):
    return {"apiVersion": "libvpc.io/v1alpha1", "kind": "VPC", "metadata": {"name": name}, "spec": {"encapsulation": encapsulation, "namespaces": list(namespaces), **spec}}


def namespace(name, annotations=None):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": annotations or {}}}


def pod_spec(command, node=None, ports=(), probes=None, capabilities=(), host_network=False, once=False):
    container = {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", command],
        "ports": list(ports),
        "securityContext": {"capabilities": {"add": list(capabilities)}},
        **(probes or {}),
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    if once:
        spec["restartPolicy"] = "Never"
    if host_network:
        spec |= {"hostNetwork": True, "dnsPolicy": "Default"}
    return spec


def annotations(vpc_name):
    return {} if vpc_name is None else {"libvpc.io/vpc": vpc_name}


def pod(name, where, spec, vpc_name=None):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": where, "labels": {"app": name}, "annotations": annotations(vpc_name)}, "spec": spec}


def deployment(name, where, spec, vpc_name=None):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": where},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}, "annotations": annotations(vpc_name)}, "spec": spec},
        },
    }


def service(name, where, app, port, **spec):
    ports = [{"name": protocol.lower(), "protocol": protocol, "port": port, "targetPort": 7007} for protocol in ("TCP", "UDP")]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": where},
        "spec": {"selector": {"app": app}, "ports": ports, "ipFamilyPolicy": "RequireDualStack", **spec},
    }
