// SPDX-License-Identifier: Apache-2.0
#include "membership.h"
#include "binding.h"
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

const struct object *membership_policy(const struct agent *agent, const struct object *pod) {
	TABLE_EACH(&agent->objects[KIND_NETWORK_POLICY], entry)
	if (policy_selects(entry->value, pod))
		return entry->value;
	return NULL;
}

static int check_policies(const struct agent *agent, const struct object *pod, struct vpc_error *error) {
	const struct object *policy = membership_policy(agent, pod);
	if (policy && !agent->config.policy_warns)
		return fail(error, CNI_REFUSED, "NetworkPolicy %s selects the Pod, and would not be enforced inside a VPC (networkPolicy: warn lets it pass)",
		    policy->metadata.name);
	return 0;
}

bool membership_is_own(const struct object *pod) {
	return map_get(&pod->metadata.annotations, VPC_ANNOTATION);
}

const char *membership_static_uid(const struct object *pod) {
	bool is_mirror = map_get(&pod->metadata.annotations, "kubernetes.io/config.mirror"); /* no kubelet starts what merely looks like one */
	return is_mirror ? map_get(&pod->metadata.annotations, "kubernetes.io/config.hash") : NULL;
}

/* From a file or a URL of the kubelet's, not from the API. */
static bool is_static(const struct object *pod) {
	const char *source = map_get(&pod->metadata.annotations, "kubernetes.io/config.source");
	return map_get(&pod->metadata.annotations, "kubernetes.io/config.mirror") || (source && strcmp(source, "api"));
}

int membership_eligible(const struct agent *agent, const struct object *pod, const char **ret_reason, struct vpc_error *error) {
	const char *space = pod->metadata.namespace, *unused;
	const char **reason = ret_reason ? ret_reason : &unused;
	if (pod->pod.host_network) {
		*reason = "HostNetworkInVPC";
		return fail(error, CNI_REFUSED, "a Pod with hostNetwork uses its node's network and cannot join a VPC");
	}
	if (is_static(pod)) {
		*reason = "StaticPodInVPC";
		return fail(error, CNI_REFUSED, "a static Pod, which the kubelet starts without the API, cannot join a VPC");
	}
	if (config_excludes(&agent->config, space)) {
		*reason = "NamespaceExcluded";
		return fail(error, CNI_REFUSED, "namespace %s is excluded from VPCs (excludedNamespaces)", space);
	}
	return 0;
}

bool membership_is_listed(const struct object *vpc, const char *namespace) {
	for (size_t i = 0; i < vpc->vpc.namespaces.count; i++)
		if (!strcmp(vpc->vpc.namespaces.items[i], "*") || !strcmp(vpc->vpc.namespaces.items[i], namespace))
			return true;
	return false;
}

int membership_admit(
    const struct agent *agent, const struct object *pod, const struct object *vpc, const struct binding *binding, struct vpc_error *error) {
	bool is_bound = binding && binding->vpc_uid && !strcmp(binding->vpc_uid, vpc->metadata.uid);
	if (!is_bound && !membership_is_listed(vpc, pod->metadata.namespace))
		return fail(
		    error, CNI_REFUSED, "VPC %s does not admit namespace %s (spec.namespaces)", vpc->metadata.name, pod->metadata.namespace);
	return check_policies(agent, pod, error);
}
