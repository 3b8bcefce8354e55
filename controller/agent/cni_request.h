/* SPDX-License-Identifier: Apache-2.0 */
/* A CNI request as the runtime wrote it: environment and network configuration, checked (CNI specification 1.1). */
#ifndef AGENT_CNI_REQUEST_H
#define AGENT_CNI_REQUEST_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vpc/vpc.h>

#include "../cni_protocol.h"

/* Error codes of the specification, and our own from 100 on. */
enum cni_code {
	CNI_OK = 0,
	CNI_INCOMPATIBLE_VERSION = 1,
	CNI_UNSUPPORTED_FIELD = 2,
	CNI_UNKNOWN_CONTAINER = 3,
	CNI_INVALID_ENVIRONMENT = 4,
	CNI_IO_FAILURE = 5,
	CNI_DECODE_FAILURE = 6,
	CNI_INVALID_CONFIGURATION = 7,
	CNI_TRY_AGAIN = 11,
	CNI_UNAVAILABLE = 50,
	CNI_UNAVAILABLE_LIMITED = 51,
	CNI_REFUSED = 100,          /* the annotation, the VPC or a policy says no */
	CNI_UNSUPPORTED_MAIN = 101, /* the main plugin's interface cannot be confined */
	CNI_DATAPATH_FAILURE = 102,
	CNI_CHECK_FAILED = 103,
};

/* Found in the results of the main plugin. */
struct cni_interface {
	char host_names[8][16]; /* entries without a sandbox */
	size_t host_count;
	uint8_t mac[6]; /* in the sandbox; zeros if it is not told */
	uint8_t ipv4[4], ipv6[16];
	uint8_t next_hops[VPC_POD_NEXT_HOPS][16];
	uint32_t next_hop_count;
};

struct cni_request {
	enum vpc_cni_command command;
	char container[256], interface[16], network_namespace[4096];
	char pod_namespace[64], pod_name[254], pod_uid[128]; /* "" where CNI_ARGS has none */
	char version[16];                                    /* cniVersion of the configuration */
	char main_plugin[64];                                /* where the configuration names it */
	cJSON *configuration;
	const cJSON *previous; /* prevResult in it, or NULL */
};

/*
 * Reads both texts. DEL is lenient: of it only the container's id must be usable. Returns 0 or a positive enum cni_code
 * with a message. On success the caller calls cni_request_release().
 */
int cni_request_parse(enum vpc_cni_command command, const char *environment, size_t environment_length, const char *configuration,
    size_t configuration_length, struct cni_request *ret_request, struct vpc_error *error);
void cni_request_release(struct cni_request *request);

/* What prevResult says of the Pod's interface. 0 or a positive enum cni_code. */
int cni_request_interface(const struct cni_request *request, struct cni_interface *ret_interface, struct vpc_error *error);

/* The main plugin's result as it came, in the version of the configuration; or an error. Caller frees. */
char *cni_print_result(const struct cni_request *request);
char *cni_print_error(const char *version, int code, const char *message, const char *details);

#endif
