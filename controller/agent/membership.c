// SPDX-License-Identifier: Apache-2.0
#include "membership.h"
#include "events.h"
#include "schema.h"
#include "text.h"

#include <string.h>

static int take_annotation(const struct object *object, const char **ret_name, struct vpc_error *error) {
	struct vpc_error why = {""};
	const char *value = map_get(&object->metadata.annotations, VPC_ANNOTATION);
	if (value && check_name(value, &why) < 0)
		return fail(error, CNI_REFUSED, "annotation %s of %s %s: '%.60s': %s", VPC_ANNOTATION, kind_name(object->kind),
		    object->metadata.name, value, why.text);
	*ret_name = value;
	return 0;
}

int membership_annotation(const struct agent *agent, const struct object *pod, const char **ret_name, struct vpc_error *error) {
	const char *name = NULL;
	const struct object *space = agent_find(agent, KIND_NAMESPACE, NULL, pod->metadata.namespace);
	int result = take_annotation(pod, &name, error);
	if (!result && !name && space)
		result = take_annotation(space, &name, error);
	if (!result)
		*ret_name = name;
	return result;
}

static bool requirement_holds(const struct label_requirement *requirement, const struct text_map *labels) {
	const char *value = map_get(labels, requirement->key);
	bool listed = false;
	for (size_t i = 0; value && i < requirement->values.count; i++)
		listed = listed || !strcmp(requirement->values.items[i], value);
	if (!strcmp(requirement->operator, "In"))
		return listed;
	if (!strcmp(requirement->operator, "NotIn"))
		return !listed;
	return !strcmp(requirement->operator, "Exists") ? value != NULL : value == NULL;
}

bool policy_selects(const struct object *policy, const struct object *pod) {
	const struct label_selector *selector = &policy->policy;
	if (strcmp(policy->metadata.namespace, pod->metadata.namespace))
		return false;
	for (size_t i = 0; i < selector->labels.count; i++) {
		const char *value = map_get(&pod->metadata.labels, selector->labels.items[i].key);
		if (!value || strcmp(value, selector->labels.items[i].value))
			return false;
	}
	for (size_t i = 0; i < selector->expressions.count; i++)
		if (!requirement_holds(&selector->expressions.items[i], &pod->metadata.labels))
			return false;
	return true;
}

static int check_policies(const struct agent *agent, const struct object *pod, struct vpc_error *error) {
	TABLE_EACH(&agent->objects[KIND_NETWORK_POLICY], entry) {
		const struct object *policy = entry->value;
		if (!policy_selects(policy, pod))
			continue;
		if (!agent->config.policy_warns)
			return fail(error, CNI_REFUSED,
			    "NetworkPolicy %s selects the Pod, and would not be enforced inside a VPC (networkPolicy: warn lets it pass)",
			    policy->metadata.name);
		tell(agent, LOG_WARNING, subject_of(pod), "NetworkPolicyNotEnforced", "NetworkPolicy %s/%s does not act inside a VPC",
		    policy->metadata.namespace, policy->metadata.name);
	}
	return 0;
}

int membership_admit(const struct agent *agent, const struct object *pod, const struct object *vpc, struct vpc_error *error) {
	const char *space = pod->metadata.namespace;
	bool admitted = false;
	for (size_t i = 0; i < vpc->vpc.namespaces.count; i++)
		admitted = admitted || !strcmp(vpc->vpc.namespaces.items[i], "*") || !strcmp(vpc->vpc.namespaces.items[i], space);
	if (!admitted)
		return fail(error, CNI_REFUSED, "VPC %s does not admit namespace %s (spec.namespaces)", vpc->metadata.name, space);
	if (pod->pod.host_network)
		return fail(error, CNI_REFUSED, "a Pod with hostNetwork cannot join VPC %s", vpc->metadata.name);
	if (config_excludes(&agent->config, space))
		return fail(error, CNI_REFUSED, "namespace %s is excluded from VPCs (excludedNamespaces)", space);
	return check_policies(agent, pod, error);
}
