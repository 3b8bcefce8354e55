#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The end-to-end tests' cases, in the order in which they are run:

    cases.py [CASE...]      without CASE all
    cases.py --note FILE    notes what there is before libvpc is installed; with E2E_BEFORE=FILE the last case compares
"""
import os
import sys
import time

from cluster import Failure
from disturbances import check_agent_absent, check_agent_restarts, check_api_server_away, check_list_overwritten, check_node_restart
from first_packets import check_first_packets
from flows import Background
from names import check_dns
from reachability import check_matrix
from tenant import check_forged_vxlan, check_membership, check_spoofing, check_stolen_token
from uninstall import check_uninstall, note_traces
from world import World

CASES = {
    "matrix": ("exactly the expected Pods, nodes and Services answer each other", check_matrix),
    "dns": ("the cluster's names by default, and not where allow leaves them out", check_dns),
    "membership": ("no Pod joins a VPC that does not let it, or starts without one that it asks for", check_membership),
    "spoofing": ("nothing passes under a false address or MAC", check_spoofing),
    "vxlan": ("VXLAN that a Pod makes by hand reaches nobody", check_forged_vxlan),
    "first-packets": ("nothing passes from the first packet of a Pod on", check_first_packets),
    "token": ("an agent's token in wrong hands", check_stolen_token),
    "restarts": ("agents are killed and exchanged: running flows lose nothing", check_agent_restarts),
    "api-server": ("the API server is away: running flows lose nothing", check_api_server_away),
    "absent": ("without agents Pods that run go on, and new ones wait", check_agent_absent),
    "list": ("the main plugin's list is overwritten while Pods start", check_list_overwritten),
    "node": ("a node starts anew", check_node_restart),
    "uninstall": ("uninstalling leaves the cluster and its nodes as they were", check_uninstall),
}
# On a cluster that somebody uses libvpc stays; and as it was before, nobody has noted.
if "E2E_BEFORE" not in os.environ:
    del CASES["uninstall"]


def main(names):
    if names[:1] == ["--note"]:
        return note_traces(names[1])
    unknown = [name for name in names if name not in CASES]
    if unknown:
        sys.exit(f"no case {' '.join(unknown)}; there are {' '.join(CASES)}")
    failed = []
    try:
        world = World()
        world.build()
    except Failure as failure:
        sys.exit(f"the Pods of the tests do not become ready: {failure}")
    for name in names or CASES:
        description, case = CASES[name]
        started = time.monotonic()
        try:
            result, told = "ok", case(world) or ""
        except Failure as failure:
            result, told = "FAILED", str(failure)
            failed.append(name)
        Background.end_all()
        print(f"{result}: {name}: {description} ({time.monotonic() - started:.0f} s)" + (f"\n  {told}" if told else ""), flush=True)
    print(f"{len(names or CASES) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
