// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The balancer at the oldest instruction set, which other systems than Linux demand.
#include "../../bpf/lb.bpf.c"
