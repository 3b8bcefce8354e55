/* SPDX-License-Identifier: Apache-2.0 */
/* DELs that no agent took wait on disk until one reads them. */
#ifndef CNI_QUEUE_H
#define CNI_QUEUE_H

#include "exchange.h"

/*
 * Leaves the request in the directory, which is made if missing, as it would have gone over the socket. The file is
 * complete and on disk before it gets its name: 20 digits (nanoseconds since 1970, counted on while taken) and ".del", so
 * that no two requests share a name and names sort by arrival. Names with a leading dot are unfinished.
 *
 * Returns 0 or a negative errno; on failure nothing is left behind.
 */
int cni_queue_put(const char *directory, const struct cni_request *request, struct cni_error *error);

#endif
