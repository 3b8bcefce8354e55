// SPDX-License-Identifier: Apache-2.0
/* What a runtime's CNI library keeps on disk. */
#include "cni_cache.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	struct cni_request request;
	struct cni_interface interface;
	struct vpc_error error;
	char *text = malloc(length + 1);
	memcpy(text, bytes, length);
	text[length] = '\0';
	if (!cni_cache_read(text, &request, &error)) {
		cni_request_interface(&request, &interface, &error);
		cni_request_release(&request);
	}
	free(text);
	return 0;
}
