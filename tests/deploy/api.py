# SPDX-License-Identifier: Apache-2.0
"""Requests to the API server of with_cluster, as whom one likes."""
import http.client
import json
import ssl
import time

LIBVPC = "/apis/libvpc.io/v1alpha1"
AGENT = "/api/v1/namespaces/kube-system/serviceaccounts/libvpc-agent"
MERGE, JSON_PATCH, STRATEGIC = "application/merge-patch+json", "application/json-patch+json", "application/strategic-merge-patch+json"


class Failure(Exception):
    pass


class Answer:
    def __init__(self, status, body, headers):
        self.status, self.body, self.headers = status, body, headers

    @property
    def taken(self):
        return 200 <= self.status < 300

    @property
    def says(self):
        return self.body.get("message", "") if isinstance(self.body, dict) else str(self.body)

    def __str__(self):
        return f"HTTP {self.status} {self.says[:400]}"


class Api:
    def __init__(self, folder, token="admin-token"):
        self.folder, self.token = folder, token
        self.connection = http.client.HTTPSConnection("127.0.0.1", 6443, timeout=60, context=ssl.create_default_context(cafile=f"{folder}/ca.crt"))

    def ask(self, *arguments, **more):
        """What the server has no room for yet, as after new CRDs, is asked again."""
        while (answer := self.ask_once(*arguments, **more)).status == 429:
            time.sleep(0.2)
        return answer

    def ask_once(self, method, path, body=None, content="application/json", accept="application/json"):
        text = None if body is None else json.dumps(body)
        self.connection.request(method, path, text, {"Authorization": f"Bearer {self.token}", "Content-Type": content, "Accept": accept})
        answer = self.connection.getresponse()
        told = answer.read()
        try:
            return Answer(answer.status, json.loads(told), answer.headers)
        except ValueError:
            return Answer(answer.status, told.decode(errors="replace"), answer.headers)

    def must(self, *arguments, **more):
        answer = self.ask(*arguments, **more)
        if not answer.taken:
            raise Failure(f"{arguments[0]} {arguments[1]}: {answer}")
        return answer.body

    def agent(self, node, bound=True):
        """The one that an agent's Pod on that node is given; not bound: one that names no node."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        if bound:
            pod = self.must("POST", "/api/v1/namespaces/kube-system/pods", {
                "metadata": {"generateName": "libvpc-agent-"},
                "spec": {"nodeName": node, "serviceAccountName": "libvpc-agent", "containers": [{"name": "agent", "image": "libvpc/agent"}]}})
            request["spec"]["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        return Api(self.folder, self.must("POST", f"{AGENT}/token", request)["status"]["token"])


def within(seconds, what, holds):
    """The deadline guards against hangs only."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise Failure(f"not in time: {what}")
        time.sleep(0.05)
    return found


def vpc(name, encapsulation="vxlan", **spec):
    return {"apiVersion": "libvpc.io/v1alpha1", "kind": "VPC", "metadata": {"name": name}, "spec": {"encapsulation": encapsulation, "namespaces": ["*"], **spec}}


def claim(name, holder="red", uid="u-red", **metadata):
    return {"apiVersion": "libvpc.io/v1alpha1", "kind": "NetworkID", "metadata": {"name": name, "labels": {"libvpc.io/vpc-uid": uid}, **metadata},
            "spec": {"vpc": {"name": holder, "uid": uid}}}


def endpoints(name, node, identifier=4097, encapsulation="vxlan", uid="u-red", owner=None, **spec):
    return {"apiVersion": "libvpc.io/v1alpha1", "kind": "VPCEndpoints",
            "metadata": {"name": name, "labels": {"libvpc.io/vpc-uid": uid},
                         "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": owner or node, "uid": f"u-{owner or node}"}]},
            "spec": {"node": node, "vpc": {"name": "red", "uid": uid}, "encapsulation": encapsulation, "id": identifier, "underlay": ["172.30.0.1"],
                     "uplinkMAC": "02:00:00:00:00:01", "pods": [{"uid": "p", "addresses": ["10.0.0.2", "fd00::2"], "mac": "02:00:00:00:00:02"}], **spec}}


def event(name, node, kind="Pod", about="a", component="vpc-controller", **metadata):
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": "default", **metadata},
            "involvedObject": {"kind": kind, "name": about, "namespace": "default"}, "reason": "Test", "message": "a test", "type": "Normal",
            "reportingComponent": component, "reportingInstance": node, "source": {}}
