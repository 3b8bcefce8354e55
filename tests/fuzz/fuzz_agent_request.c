// SPDX-License-Identifier: Apache-2.0
/* CNI requests: the first byte is the command, the second the length of the environment. */
#include "cni_request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	struct cni_request request;
	struct cni_interface interface;
	struct vpc_error error;
	if (length < 2 || (size_t)bytes[1] + 2 > length)
		return 0;
	char *environment = malloc(bytes[1] + 1), *configuration = malloc(length); /* of their own, so that every overrun is seen */
	memcpy(environment, bytes + 2, bytes[1]);
	memcpy(configuration, bytes + 2 + bytes[1], length - 2 - bytes[1]);
	if (!cni_request_parse(bytes[0] % 7, environment, bytes[1], configuration, length - 2 - bytes[1], &request, &error)) {
		cni_request_interface(&request, &interface, &error);
		free(cni_print_result(&request));
		cni_request_release(&request);
	}
	free(environment);
	free(configuration);
	return 0;
}
