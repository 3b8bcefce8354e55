// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The balancer for eBPF for Windows: compiled, and run nowhere here. The headers beside it stand in for that project's.
#include "../../bpf/lb.bpf.c"
