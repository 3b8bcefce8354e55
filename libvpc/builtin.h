/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of bpf/ that are embedded in the library, by the name of their source. */
#ifndef VPC_BUILTIN_H
#define VPC_BUILTIN_H

#include <vpc/vpc.h>

#define VPC_DATAPATH_OBJECTS(X) X(pod) X(node) X(steps) X(confine) /* what vpc-controller needs of a kernel */
#define VPC_BUILTIN_OBJECTS(X) VPC_DATAPATH_OBJECTS(X) X(portfilter) X(lb) X(lb_decap) X(lb_decap_tc)

#endif
