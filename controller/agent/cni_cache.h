/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime's CNI library (libcni, in containerd and CRI-O) keeps of each interface that it has set up: a file
 * `NETWORK-CONTAINER-INTERFACE` until its DEL. It is the one place that ties a Pod's UID to its container, network
 * namespace and interface, whatever the main plugin and however the Pod was started.
 */
#ifndef AGENT_CNI_CACHE_H
#define AGENT_CNI_CACHE_H

#include "cni_request.h"

#define CNI_CACHE "/var/lib/cni/results"

/*
 * Reads one file's text as the ADD that vpc-cni would have got had it been the last of the chain. Returns 0 or a positive
 * enum cni_code with a message. On success the caller calls cni_request_release().
 */
int cni_cache_read(const char *text, struct cni_request *ret_request, struct vpc_error *error);

/*
 * Visits what is kept in the folder, until visit returns true: then the request is the visitor's. Loopbacks are left out, and so
 * is what cannot be read.
 */
void cni_cache_each(const char *folder, bool (*visit)(void *context, struct cni_request *request), void *context);

#endif
