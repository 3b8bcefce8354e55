// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "datapath_internal.h"

static void set(struct vpc_pod_values *values, const char *name, const void *bytes, uint8_t width) {
	struct vpc_setting *setting = &values->settings[values->count++];
	*setting = (struct vpc_setting){.name = name, .value.width = width};
	memcpy(setting->value.bytes, bytes, width);
}

static void set_number(struct vpc_pod_values *values, const char *name, uint32_t number) {
	set(values, name, &number, sizeof number);
}

/* What is equal to a declared default is left out, as it is in the record of an attachment. */
void vpc_pod_values_make(const struct vpc_datapath *datapath, const struct vpc_pod *pod, const char *program, struct vpc_pod_values *ret_values) {
	struct vpc_pod_values values = {.count = 0};
	set_number(&values, "encapsulation", pod->encapsulation);
	set_number(&values, "network_id", pod->network_id);
	if (strcmp(program, "from_pod") == 0) {
		set(&values, "pod_mac", pod->mac, sizeof pod->mac);
		if (!vpc_is_zero(pod->ipv4, sizeof pod->ipv4))
			set(&values, "pod_ipv4", pod->ipv4, sizeof pod->ipv4);
		if (!vpc_is_zero(pod->ipv6, sizeof pod->ipv6))
			set(&values, "pod_ipv6", pod->ipv6, sizeof pod->ipv6);
		set_number(&values, "underlay_ifindex", pod->encapsulation == VPC_VLAN ? datapath->uplink_ifindex : datapath->vxlan_ifindex);
		if (pod->encapsulation == VPC_VLAN)
			set(&values, "underlay_mac", datapath->uplink.mac, sizeof datapath->uplink.mac);
		if (pod->encapsulation == VPC_VXLAN && !vpc_is_mapped_ipv4(datapath->underlay))
			set_number(&values, "underlay_family", 6);
		set_number(&values, "mtu", pod->mtu);
	}
	*ret_values = values;
}

static const struct vpc_setting *find(const struct vpc_setting *settings, size_t count, const char *name) {
	for (size_t i = 0; i < count; i++)
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

/* Compares "name=value name=value" with the settings. Every name occurs once in each. */
static bool is_same(const struct vpc_template *template_, const char *text, const struct vpc_setting *settings, size_t count) {
	char words[sizeof((struct vpc_attachment *)0)->values], *rest = words;
	size_t found = 0;
	snprintf(words, sizeof words, "%s", text);
	for (const char *word; (word = strtok_r(rest, " ", &rest)); found++) {
		struct vpc_setting noted;
		if (vpc_template_parse_setting(template_, word, &noted, NULL))
			return false;
		const struct vpc_setting *wanted = find(settings, count, noted.name);
		if (!wanted || wanted->value.width != noted.value.width || memcmp(wanted->value.bytes, noted.value.bytes, noted.value.width))
			return false;
	}
	return found == count;
}

bool vpc_attachment_has(const struct vpc_attachment *attachment, const struct vpc_template *template_, const char *program,
	const struct vpc_setting *settings, size_t count) {
	return strcmp(attachment->program, program) == 0 && strcmp(attachment->template_hash, vpc_template_hash(template_)) == 0 &&
		is_same(template_, attachment->values, settings, count);
}
