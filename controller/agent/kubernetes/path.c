// SPDX-License-Identifier: Apache-2.0
#include "kubernetes.h"

#include <string.h>

static const struct {
	const char *plural;
	bool status;
} RESOURCES[KINDS] = {
    [KIND_VPC] = {"vpcs", true},
    [KIND_POD] = {"pods", false},
    [KIND_NAMESPACE] = {"namespaces", false},
    [KIND_NODE] = {"nodes", true},
    [KIND_CONFIG] = {"configmaps", false},
    [KIND_NETWORK_POLICY] = {"networkpolicies", false},
    [KIND_SERVICE] = {"services", false},
    [KIND_NETWORK_ID] = {"networkids", true},
    [KIND_ENDPOINTS] = {"vpcendpoints", false},
    [KIND_EVENT] = {"events", false},
};

char *api_path(enum kind kind, const char *namespace, const char *name, const char *part) {
	struct buffer path = {0};
	const char *version = kind_api_version(kind);
	buffer_format(&path, "%s/%s", strchr(version, '/') ? "/apis" : "/api", version);
	if (namespace) {
		buffer_text(&path, "/namespaces/");
		http_escape(&path, namespace);
	}
	buffer_format(&path, "/%s", RESOURCES[kind].plural);
	if (name) {
		buffer_text(&path, "/");
		http_escape(&path, name);
	}
	if (part)
		buffer_format(&path, "/%s", part);
	return path.bytes;
}

bool api_has_status(enum kind kind) {
	return RESOURCES[kind].status;
}

void api_query(struct buffer *path, const char *name, const char *value) {
	buffer_format(path, "%c%s=", strchr(path->bytes, '?') ? '&' : '?', name);
	http_escape(path, value);
}
