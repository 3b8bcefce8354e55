// SPDX-License-Identifier: Apache-2.0
#include "namespaces.h"
#include "../cleanup.h"
#include "text.h"

struct asker {
	struct asker *next;
	source_answer answer;
	void *context;
};

/* Of one Namespace: who waits for the question under way, and who for the next. */
struct reading {
	struct agent *agent;
	char *name;
	struct asker *asked, *waiting;
};

static void ask(struct reading *reading);

static void note_answer(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct reading *reading = context;
	struct asker *asker = reading->asked;
	reading->asked = NULL;
	if (reading->waiting)
		ask(reading);
	else
		table_remove(&reading->agent->readings, reading->name);
	bool is_last = !reading->asked;
	for (struct asker *next; asker; asker = next) {
		next = asker->next;
		asker->answer(asker->context, result, object, error);
		free(asker);
	}
	if (!is_last)
		return;
	free(reading->name);
	free(reading);
}

static void ask(struct reading *reading) {
	struct source *source = reading->agent->source;
	reading->asked = reading->waiting;
	reading->waiting = NULL;
	source->verbs->get(source, KIND_NAMESPACE, NULL, reading->name, note_answer, reading);
}

void namespace_read(struct agent *agent, const char *name, source_answer answer, void *context) {
	struct reading *reading = table_get(&agent->readings, name);
	struct asker *asker = allocate(sizeof *asker);
	if (!reading) {
		reading = allocate(sizeof *reading);
		*reading = (struct reading){.agent = agent, .name = duplicate(name)};
		table_put(&agent->readings, name, reading);
	}
	*asker = (struct asker){reading->waiting, answer, context};
	reading->waiting = asker;
	if (!reading->asked)
		ask(reading);
}
