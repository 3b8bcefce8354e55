// SPDX-License-Identifier: Apache-2.0
#include "readiness.h"

void readiness_read(const struct agent *agent, struct readiness ret_parts[READINESS_PARTS]) {
	bool can_add = agent->options.no_datapath || !*agent->not_ready;
	ret_parts[0] = (struct readiness){"objects", agent->synced ? NULL : "they have not been read yet"};
	ret_parts[1] = (struct readiness){"datapath", can_add ? NULL : agent->not_ready};
	ret_parts[2] = (struct readiness){"plugin", *agent->plugin_trouble ? agent->plugin_trouble : NULL};
}

bool readiness_is_given(const struct agent *agent) {
	struct readiness parts[READINESS_PARTS];
	readiness_read(agent, parts);
	for (size_t i = 0; i < READINESS_PARTS; i++)
		if (parts[i].reason)
			return false;
	return true;
}
