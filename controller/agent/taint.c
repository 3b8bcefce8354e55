// SPDX-License-Identifier: Apache-2.0
#include "taint.h"
#include "events.h"
#include "log.h"
#include "readiness.h"

#include <errno.h>
#include <string.h>

static bool has_taint(const struct object *node) {
	for (size_t i = 0; i < node->node.taints.count; i++)
		if (!strcmp(node->node.taints.items[i].key, NOT_READY_TAINT))
			return true;
	return false;
}

static void note_lifted(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct agent *agent = context;
	(void)object;
	agent->node_busy = false;
	if (result == 0)
		tell(agent, LOG_INFO, subject_of_node(agent), "TaintLifted", "Pods of this node get their VPC: the taint " NOT_READY_TAINT " was lifted");
	else if (result != -EAGAIN) /* on a race the next round does it */
		log_event(LOG_WARNING, "node", "TaintNotLifted", "%s", error->text);
}

void taint_lift(struct agent *agent) {
	const struct object *node = agent_find(agent, KIND_NODE, NULL, agent->options.node);
	if (!node || agent->node_busy || !agent->source->verbs->lift_taint || !has_taint(node) || !readiness_is_given(agent))
		return;
	agent->node_busy = true;
	agent->source->verbs->lift_taint(agent->source, node, NOT_READY_TAINT, note_lifted, agent);
}
