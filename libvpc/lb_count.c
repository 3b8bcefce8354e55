// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "lb_internal.h"

static const struct {
	const char *name, *text;
} COUNTS[LB_COUNT_END] = {
#define EVENT_AS_TEXT(name_, text_) [LB_EVENT_##name_] = {#name_, text_},
#define DROP_AS_TEXT(name_, text_) [LB_DROP_##name_] = {#name_, text_},
	LB_EVENTS(EVENT_AS_TEXT) LB_DROP_REASONS(DROP_AS_TEXT)
};

static int read_count(const struct vpc_lb *lb, uint32_t index, uint64_t *ret_count, struct vpc_error *error) {
	int cpus = libbpf_num_possible_cpus();
	_cleanup_(free_memory) uint64_t *parts = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof *parts);
	if (!parts || bpf_map_lookup_elem(lb->counts, &index, parts))
		return vpc_lb_map_failed(lb, "counts", parts ? -errno : -ENOMEM, error);
	*ret_count = 0;
	for (int i = 0; i < cpus; i++)
		*ret_count += parts[i];
	return 0;
}

int vpc_lb_count_each(struct vpc_lb *lb, const struct vpc_lb_service *service, int (*visit)(const struct vpc_lb_count *count, void *context),
		void *context, struct vpc_error *error) {
	if (!lb || !visit)
		return vpc_fail(error, -EINVAL, "balancer: there is nothing to visit counters with");
	int vip = service ? vpc_lb_find_vip(lb, service, error) : 0, result = vip < 0 ? vip : 0;
	for (uint32_t i = 0; i < LB_COUNT_END && !result; i++) {
		struct vpc_lb_count count = {.name = COUNTS[i].name, .description = COUNTS[i].text, .is_drop = i > LB_BEFORE_DROPS};
		if (!count.name)
			continue;
		result = read_count(lb, (uint32_t)vip * LB_COUNTS_OF_A_VIP + i, &count.count, error);
		if (result == 0 && count.count > 0)
			result = visit(&count, context);
	}
	return result;
}

int vpc_lb_set_drop_events(struct vpc_lb *lb, bool on, struct vpc_error *error) {
	struct lb_settings settings;
	uint32_t zero = 0;
	if (!lb)
		return vpc_fail(error, -EINVAL, "balancer: there is none whose drops could be told");
	LB_LOCKED(lb, error);
	if (bpf_map_lookup_elem(lb->settings, &zero, &settings))
		return vpc_lb_map_failed(lb, "settings", -errno, error);
	settings.drop_events = on;
	return bpf_map_update_elem(lb->settings, &zero, &settings, BPF_ANY) ? vpc_lb_map_failed(lb, "settings", -errno, error) : 0;
}
