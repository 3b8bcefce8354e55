// SPDX-License-Identifier: Apache-2.0
/* Every field of every kind, declared once. */
#include "address.h"
#include "../cleanup.h"
#include "schema.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

int check_name(const char *text, struct vpc_error *error) {
	size_t length = strlen(text);
	bool good = length > 0 && length <= 253 && isalnum((unsigned char)text[0]) && isalnum((unsigned char)text[length - 1]);
	for (size_t i = 0; i < length; i++)
		good = good && (islower((unsigned char)text[i]) || isdigit((unsigned char)text[i]) || text[i] == '-' || text[i] == '.');
	if (!good || strstr(text, ".."))
		return fail(error, -EINVAL, "a name is 1 to 253 lower-case letters, digits, '-' and '.', and begins and ends with a letter or digit");
	return 0;
}

static int check_namespace(const char *text, struct vpc_error *error) {
	return strcmp(text, "*") == 0 ? 0 : check_name(text, error);
}

int check_cidr(const char *text, struct vpc_error *error) {
	struct prefix prefix;
	return prefix_parse(text, &prefix, error);
}

int check_address(const char *text, struct vpc_error *error) {
	uint8_t address[16];
	return address_parse(text, address) == 0 ? 0 : fail(error, -EINVAL, "it is neither an IPv4 nor an IPv6 address");
}

int check_mac(const char *text, struct vpc_error *error) {
	uint8_t mac[6];
	return mac_parse(text, mac) == 0 ? 0 : fail(error, -EINVAL, "a MAC address is six hexadecimal pairs with colons");
}

static int check_time(const char *text, struct vpc_error *error) {
	int64_t seconds;
	return time_parse(text, &seconds) == 0 ? 0 : fail(error, -EINVAL, "a time is written like 2026-01-31T12:00:00Z");
}

#define AT(member) offsetof(struct object, member)
#define SCHEMA(structure, is_open, table) {.size = sizeof(structure), .fields = table, .count = COUNT_OF(table), .open = is_open}
#define ANY_INTEGER .lowest = 0, .highest = INT64_MAX

static const struct field OWNER_FIELDS[] = {
	{"apiVersion", FIELD_TEXT, offsetof(struct owner, api_version), .text = "of the owner"},
	{"kind", FIELD_TEXT, offsetof(struct owner, kind), .text = "of the owner"},
	{"name", FIELD_TEXT, offsetof(struct owner, name), .text = "of the owner"},
	{"uid", FIELD_TEXT, offsetof(struct owner, uid), .text = "of the owner"},
};
static const struct schema OWNER = SCHEMA(struct owner, true, OWNER_FIELDS);

static const struct field METADATA_FIELDS[] = {
	{"name", FIELD_TEXT, AT(metadata.name), .required = true, .check = check_name, .text = "name of the object"},
	{"namespace", FIELD_TEXT, AT(metadata.namespace), .check = check_name, .text = "its namespace; \"default\" if it has none"},
	{"uid", FIELD_TEXT, AT(metadata.uid), .text = "tells this object from an earlier one of the same name"},
	{"resourceVersion", FIELD_TEXT, AT(metadata.resource_version), .text = "changes with every write"},
	{"generation", FIELD_INTEGER, AT(metadata.generation), ANY_INTEGER, .text = "changes with the spec"},
	{"creationTimestamp", FIELD_TEXT, AT(metadata.created), .text = "when it was made"},
	{"deletionTimestamp", FIELD_TEXT, AT(metadata.deleted), .text = "since when it is about to go"},
	{"annotations", FIELD_MAP, AT(metadata.annotations), .text = "texts by name"},
	{"labels", FIELD_MAP, AT(metadata.labels), .text = "texts by name"},
	{"ownerReferences", FIELD_LIST, AT(metadata.owners), &OWNER, .text = "objects whose end is this one's end"},
};
static const struct schema METADATA = SCHEMA(struct object, true, METADATA_FIELDS);
#define METADATA_FIELD {"metadata", FIELD_STRUCT, 0, &METADATA, .required = true, .text = "names and labels"}

static const struct field CONDITION_FIELDS[] = {
	{"type", FIELD_TEXT, offsetof(struct condition, type), .required = true, .text = "what it is about"},
	{"status", FIELD_TEXT, offsetof(struct condition, status), .required = true, .choices = "True|False|Unknown", .text = "whether it holds"},
	{"reason", FIELD_TEXT, offsetof(struct condition, reason), .text = "one word"},
	{"message", FIELD_TEXT, offsetof(struct condition, message), .text = "for people"},
	{"observedGeneration", FIELD_INTEGER, offsetof(struct condition, observed_generation), ANY_INTEGER, .text = "generation it was judged by"},
	{"lastTransitionTime", FIELD_TEXT, offsetof(struct condition, last_transition), .text = "when the status changed"},
};
static const struct schema CONDITION = SCHEMA(struct condition, true, CONDITION_FIELDS);

static const struct field PORT_FIELDS[] = {
	{"protocol", FIELD_TEXT, offsetof(struct rule_port, protocol), .choices = "TCP|UDP|SCTP|ICMP|ICMPv6", .text = "TCP if it is left out"},
	{"port", FIELD_INTEGER, offsetof(struct rule_port, port), .lowest = 1, .highest = 65535, .text = "first port; all if it is left out"},
	{"endPort", FIELD_INTEGER, offsetof(struct rule_port, end_port), .lowest = 1, .highest = 65535, .text = "last port; the first if it is left out"},
};
static const struct schema PORT = SCHEMA(struct rule_port, false, PORT_FIELDS);

static const struct field RULE_FIELDS[] = {
	{"cidr", FIELD_TEXT, offsetof(struct rule, cidr), .required = true, .check = check_cidr, .text = "addresses outside the VPC"},
	{"ports", FIELD_LIST, offsetof(struct rule, ports), &PORT, .text = "all protocols and ports if it is left out"},
};
static const struct schema RULE = SCHEMA(struct rule, false, RULE_FIELDS);

static const struct field VPC_SPEC_FIELDS[] = {
	{"encapsulation", FIELD_TEXT, AT(vpc.encapsulation), .required = true, .choices = "vxlan|vlan", .text = "immutable"},
	{"id", FIELD_INTEGER, AT(vpc.id), .lowest = 1, .highest = 16777215, .text = "VNI or VLAN ID; chosen if it is left out; immutable"},
	{"namespaces", FIELD_TEXTS, AT(vpc.namespaces), .required = true, .check = check_namespace, .text = "whose Pods may join; [\"*\"] says all"},
	{"allow", FIELD_LIST, AT(vpc.allow), &RULE, .keeps_empty = true,
	    .text = "destinations outside that Pods may reach; the cluster's DNS if it is left out; none if it is empty"},
	{"allowFrom", FIELD_LIST, AT(vpc.allow_from), &RULE, .text = "sources outside that may reach Pods"},
};
static const struct schema VPC_SPEC = SCHEMA(struct object, false, VPC_SPEC_FIELDS);

static const struct field VPC_STATUS_FIELDS[] = {
	{"encapsulation", FIELD_TEXT, AT(vpc.status.encapsulation), .choices = "vxlan|vlan", .text = "as claimed"},
	{"id", FIELD_INTEGER, AT(vpc.status.id), .lowest = 1, .highest = 16777215, .text = "as claimed"},
	{"pods", FIELD_INTEGER, AT(vpc.status.pods), ANY_INTEGER, .text = "Pods of the VPC on all nodes; written rarely"},
	{"nodes", FIELD_INTEGER, AT(vpc.status.nodes), ANY_INTEGER, .text = "nodes that host them"},
	{"conditions", FIELD_LIST, AT(vpc.status.conditions), &CONDITION, .text = "Ready"},
};
static const struct schema VPC_STATUS = SCHEMA(struct object, true, VPC_STATUS_FIELDS);

static const struct field VPC_FIELDS[] = {
	METADATA_FIELD,
	{"spec", FIELD_STRUCT, 0, &VPC_SPEC, .required = true, .text = "by people"},
	{"status", FIELD_STRUCT, 0, &VPC_STATUS, .text = "by agents"},
};
static const struct field VPC_STATUS_FILE_FIELDS[] = {METADATA_FIELD, {"status", FIELD_STRUCT, 0, &VPC_STATUS, .text = "by agents"}};

static const struct field POD_SPEC_FIELDS[] = {
	{"hostNetwork", FIELD_BOOLEAN, AT(pod.host_network), .text = "the Pod uses its node's network"},
	{"nodeName", FIELD_TEXT, AT(pod.node_name), .text = "node it runs on"},
};
static const struct schema POD_SPEC = SCHEMA(struct object, true, POD_SPEC_FIELDS);
static const struct field POD_ADDRESS_FIELDS[] = {{"ip", FIELD_TEXT, offsetof(struct pod_address, ip), .text = "address"}};
static const struct schema POD_ADDRESS = SCHEMA(struct pod_address, true, POD_ADDRESS_FIELDS);
static const struct field POD_STATUS_FIELDS[] = {
	{"phase", FIELD_TEXT, AT(pod.phase), .text = "one word"},
	{"podIPs", FIELD_LIST, AT(pod.addresses), &POD_ADDRESS, .text = "its addresses"},
};
static const struct schema POD_STATUS = SCHEMA(struct object, true, POD_STATUS_FIELDS);
static const struct field POD_FIELDS[] = {
	METADATA_FIELD,
	{"spec", FIELD_STRUCT, 0, &POD_SPEC, .text = "by people"},
	{"status", FIELD_STRUCT, 0, &POD_STATUS, .text = "by the node"},
};

static const struct field NAMESPACE_FIELDS[] = {METADATA_FIELD};

static const struct field NODE_ADDRESS_FIELDS[] = {
	{"type", FIELD_TEXT, offsetof(struct node_address, type), .required = true, .text = "InternalIP is used"},
	{"address", FIELD_TEXT, offsetof(struct node_address, address), .required = true, .text = "an address or a name"},
};
static const struct schema NODE_ADDRESS = SCHEMA(struct node_address, true, NODE_ADDRESS_FIELDS);
static const struct field NODE_STATUS_FIELDS[] = {
	{"addresses", FIELD_LIST, AT(node.addresses), &NODE_ADDRESS, .text = "of the node"},
	{"conditions", FIELD_LIST, AT(node.conditions), &CONDITION, .text = "of the node"},
};
static const struct schema NODE_STATUS = SCHEMA(struct object, true, NODE_STATUS_FIELDS);
static const struct field TAINT_FIELDS[] = {
	{"key", FIELD_TEXT, offsetof(struct taint, key), .required = true, .text = "what is wrong"},
	{"effect", FIELD_TEXT, offsetof(struct taint, effect), .text = "on Pods that do not tolerate it"},
};
static const struct schema TAINT = SCHEMA(struct taint, true, TAINT_FIELDS);
static const struct field NODE_SPEC_FIELDS[] = {{"taints", FIELD_LIST, AT(node.taints), &TAINT, .text = "of the node"}};
static const struct schema NODE_SPEC = SCHEMA(struct object, true, NODE_SPEC_FIELDS);
static const struct field NODE_FIELDS[] = {
	METADATA_FIELD,
	{"spec", FIELD_STRUCT, 0, &NODE_SPEC, .text = "by people"},
	{"status", FIELD_STRUCT, 0, &NODE_STATUS, .text = "by the node"},
};

static const struct field CONFIG_FIELDS[] = {METADATA_FIELD, {"data", FIELD_MAP, AT(config), .text = "settings by name"}};

static const struct field REQUIREMENT_FIELDS[] = {
	{"key", FIELD_TEXT, offsetof(struct label_requirement, key), .required = true, .text = "label"},
	{"operator", FIELD_TEXT, offsetof(struct label_requirement, operator), .required = true, .choices = "In|NotIn|Exists|DoesNotExist", .text = "how"},
	{"values", FIELD_TEXTS, offsetof(struct label_requirement, values), .text = "of In and NotIn"},
};
static const struct schema REQUIREMENT = SCHEMA(struct label_requirement, true, REQUIREMENT_FIELDS);
static const struct field SELECTOR_FIELDS[] = {
	{"matchLabels", FIELD_MAP, AT(policy.labels), .text = "all must be there"},
	{"matchExpressions", FIELD_LIST, AT(policy.expressions), &REQUIREMENT, .text = "all must hold"},
};
static const struct schema SELECTOR = SCHEMA(struct object, true, SELECTOR_FIELDS);
static const struct field POLICY_SPEC_FIELDS[] = {{"podSelector", FIELD_STRUCT, 0, &SELECTOR, .text = "Pods that it is about"}};
static const struct schema POLICY_SPEC = SCHEMA(struct object, true, POLICY_SPEC_FIELDS);
static const struct field POLICY_FIELDS[] = {METADATA_FIELD, {"spec", FIELD_STRUCT, 0, &POLICY_SPEC, .text = "by people"}};

static const struct field SERVICE_SPEC_FIELDS[] = {{"clusterIPs", FIELD_TEXTS, AT(service.cluster_ips), .text = "its addresses"}};
static const struct schema SERVICE_SPEC = SCHEMA(struct object, true, SERVICE_SPEC_FIELDS);
static const struct field SERVICE_FIELDS[] = {METADATA_FIELD, {"spec", FIELD_STRUCT, 0, &SERVICE_SPEC, .text = "by people"}};

static const struct field CLAIM_VPC_FIELDS[] = {
	{"name", FIELD_TEXT, AT(network_id.vpc_name), .required = true, .check = check_name, .text = "VPC that holds the identifier"},
	{"uid", FIELD_TEXT, AT(network_id.vpc_uid), .required = true, .text = "UID of that VPC"},
};
static const struct schema CLAIM_VPC = SCHEMA(struct object, false, CLAIM_VPC_FIELDS);
static const struct field CLAIM_SPEC_FIELDS[] = {{"vpc", FIELD_STRUCT, 0, &CLAIM_VPC, .required = true, .text = "immutable"}};
static const struct schema CLAIM_SPEC = SCHEMA(struct object, false, CLAIM_SPEC_FIELDS);
static const struct field CLAIM_STATUS_FIELDS[] = {
	{"releasedAt", FIELD_TEXT, AT(network_id.released_at), .check = check_time, .text = "since then nobody uses it"},
};
static const struct schema CLAIM_STATUS = SCHEMA(struct object, false, CLAIM_STATUS_FIELDS);
static const struct field CLAIM_FIELDS[] = {
	METADATA_FIELD,
	{"spec", FIELD_STRUCT, 0, &CLAIM_SPEC, .required = true, .text = "the claim"},
	{"status", FIELD_STRUCT, 0, &CLAIM_STATUS, .text = "the tombstone"},
};

static const struct field ENDPOINT_FIELDS[] = {
	{"uid", FIELD_TEXT, offsetof(struct endpoint, uid), .required = true, .text = "of the Pod"},
	{"namespace", FIELD_TEXT, offsetof(struct endpoint, namespace), .text = "of the Pod"},
	{"name", FIELD_TEXT, offsetof(struct endpoint, name), .text = "of the Pod"},
	{"addresses", FIELD_TEXTS, offsetof(struct endpoint, addresses), .required = true, .check = check_address, .text = "of the Pod"},
	{"mac", FIELD_TEXT, offsetof(struct endpoint, mac), .required = true, .check = check_mac, .text = "of the Pod"},
	{"createdAt", FIELD_TEXT, offsetof(struct endpoint, created), .check = check_time, .text = "the Pod; of two with one address the newer one has it"},
};
static const struct schema ENDPOINT = SCHEMA(struct endpoint, false, ENDPOINT_FIELDS);
static const struct field ENDPOINTS_VPC_FIELDS[] = {
	{"name", FIELD_TEXT, AT(endpoints.vpc_name), .required = true, .check = check_name, .text = "the VPC"},
	{"uid", FIELD_TEXT, AT(endpoints.vpc_uid), .required = true, .text = "UID of the VPC"},
};
static const struct schema ENDPOINTS_VPC = SCHEMA(struct object, false, ENDPOINTS_VPC_FIELDS);
static const struct field ENDPOINTS_SPEC_FIELDS[] = {
	{"node", FIELD_TEXT, AT(endpoints.node), .required = true, .check = check_name, .text = "node whose Pods these are"},
	{"vpc", FIELD_STRUCT, 0, &ENDPOINTS_VPC, .required = true, .text = "VPC whose Pods these are"},
	{"encapsulation", FIELD_TEXT, AT(endpoints.encapsulation), .required = true, .choices = "vxlan|vlan", .text = "of the VPC"},
	{"id", FIELD_INTEGER, AT(endpoints.id), .required = true, .lowest = 1, .highest = 16777215, .text = "identifier of the VPC"},
	{"underlay", FIELD_TEXTS, AT(endpoints.underlay), .required = true, .check = check_address, .text = "underlay addresses of the node"},
	{"uplinkMAC", FIELD_TEXT, AT(endpoints.uplink_mac), .required = true, .check = check_mac, .text = "of the node's uplink"},
	{"pods", FIELD_LIST, AT(endpoints.pods), &ENDPOINT, .text = "the Pods"},
};
static const struct schema ENDPOINTS_SPEC = SCHEMA(struct object, false, ENDPOINTS_SPEC_FIELDS);
static const struct field ENDPOINTS_FIELDS[] = {METADATA_FIELD, {"spec", FIELD_STRUCT, 0, &ENDPOINTS_SPEC, .required = true, .text = "by that node's agent"}};

static const struct field INVOLVED_FIELDS[] = {
	{"apiVersion", FIELD_TEXT, AT(event.involved.api_version), .text = "of the object"},
	{"kind", FIELD_TEXT, AT(event.involved.kind), .required = true, .text = "of the object"},
	{"namespace", FIELD_TEXT, AT(event.involved.namespace), .text = "of the object"},
	{"name", FIELD_TEXT, AT(event.involved.name), .required = true, .text = "of the object"},
	{"uid", FIELD_TEXT, AT(event.involved.uid), .text = "of the object"},
};
static const struct schema INVOLVED = SCHEMA(struct object, true, INVOLVED_FIELDS);
static const struct field EVENT_FIELDS[] = {
	METADATA_FIELD,
	{"involvedObject", FIELD_STRUCT, 0, &INVOLVED, .required = true, .text = "what it happened to"},
	{"type", FIELD_TEXT, AT(event.type), .choices = "Normal|Warning", .text = "how much it matters"},
	{"reason", FIELD_TEXT, AT(event.reason), .text = "one word"},
	{"message", FIELD_TEXT, AT(event.message), .text = "for people; of the last time"},
	{"count", FIELD_INTEGER, AT(event.count), ANY_INTEGER, .text = "how often it happened"},
	{"firstTimestamp", FIELD_TEXT, AT(event.first), .check = check_time, .text = "when it happened first"},
	{"lastTimestamp", FIELD_TEXT, AT(event.last), .check = check_time, .text = "when it happened last"},
	{"reportingComponent", FIELD_TEXT, AT(event.component), .text = "vpc-controller"},
	{"reportingInstance", FIELD_TEXT, AT(event.instance), .text = "node of the agent"},
};

static const struct kind_entry {
	const char *api_version, *name;
	bool namespaced;
	struct schema schema, status;
} ENTRIES[KINDS] = {
	[KIND_VPC] = {API_GROUP, "VPC", false, SCHEMA(struct object, false, VPC_FIELDS), SCHEMA(struct object, false, VPC_STATUS_FILE_FIELDS)},
	[KIND_POD] = {"v1", "Pod", true, SCHEMA(struct object, true, POD_FIELDS), {0}},
	[KIND_NAMESPACE] = {"v1", "Namespace", false, SCHEMA(struct object, true, NAMESPACE_FIELDS), {0}},
	[KIND_NODE] = {"v1", "Node", false, SCHEMA(struct object, true, NODE_FIELDS), SCHEMA(struct object, true, NODE_FIELDS)},
	[KIND_CONFIG] = {"v1", "ConfigMap", true, SCHEMA(struct object, true, CONFIG_FIELDS), {0}},
	[KIND_NETWORK_POLICY] = {"networking.k8s.io/v1", "NetworkPolicy", true, SCHEMA(struct object, true, POLICY_FIELDS), {0}},
	[KIND_SERVICE] = {"v1", "Service", true, SCHEMA(struct object, true, SERVICE_FIELDS), {0}},
	[KIND_NETWORK_ID] = {API_GROUP, "NetworkID", false, SCHEMA(struct object, false, CLAIM_FIELDS), {0}},
	[KIND_ENDPOINTS] = {API_GROUP, "VPCEndpoints", false, SCHEMA(struct object, false, ENDPOINTS_FIELDS), {0}},
	[KIND_EVENT] = {"v1", "Event", true, SCHEMA(struct object, true, EVENT_FIELDS), {0}},
};

const char *kind_name(enum kind kind) {
	return ENTRIES[kind].name;
}

const char *kind_api_version(enum kind kind) {
	return ENTRIES[kind].api_version;
}

bool kind_namespaced(enum kind kind) {
	return ENTRIES[kind].namespaced;
}

enum kind kind_find(const char *api_version, const char *name) {
	for (enum kind kind = 0; kind < KINDS; kind++)
		if (strcmp(ENTRIES[kind].api_version, api_version) == 0 && strcmp(ENTRIES[kind].name, name) == 0)
			return kind;
	return KINDS;
}

const struct schema *kind_schema(enum kind kind) {
	return &ENTRIES[kind].schema;
}

const struct schema *kind_status_schema(enum kind kind) {
	return &ENTRIES[kind].status;
}
