// SPDX-License-Identifier: Apache-2.0
#include "attachments.h"
#include "../cleanup.h"
#include "links.h"
#include "log.h"
#include "record.h"
#include "text.h"

#include <errno.h>
#include <string.h>

static struct vpc_attach_options options_of(const struct agent *agent) {
	return (struct vpc_attach_options){.size = sizeof(struct vpc_attach_options), .pin_directory = agent->options.bpffs, .owner = "agent"};
}

/* The interfaces where something of this agent stands. */
struct places {
	struct place {
		uint32_t ifindex;
		bool is_node; /* from_vxlan, from_trunk */
		bool is_trunk;
	} *items;
	size_t count;
};

static int note_place(const struct vpc_attachment *attachment, void *context) {
	struct places *places = context;
	bool trunk = !strcmp(attachment->program, "from_trunk");
	if (strcmp(attachment->owner, "agent"))
		return 0;
	for (size_t i = 0; i < places->count; i++)
		if (places->items[i].ifindex == attachment->ifindex)
			return 0;
	places->items = reallocate(places->items, (places->count + 1) * sizeof *places->items);
	places->items[places->count++] =
	    (struct place){attachment->ifindex, trunk || !strcmp(attachment->program, "from_vxlan"), trunk};
	return 0;
}

/* Of which Pod it is nobody knows any more; it stays closed until its interface goes or a DEL names it. */
static void adopt_closed(struct agent *agent, const struct link *link) {
	struct record *record = allocate(sizeof *record);
	*record = (struct record){.container = duplicate(""),
	    .interface = duplicate(""),
	    .network_namespace = duplicate(""),
	    .namespace = duplicate(""),
	    .name = duplicate("unknown"),
	    .uid = duplicate(""),
	    .vpc_name = duplicate("unknown"),
	    .vpc_uid = duplicate(""),
	    .created = duplicate(""),
	    .pod = {.ifindex = link->ifindex},
	    .closed = true};
	memcpy(record->pod.host_mac, link->mac, sizeof record->pod.host_mac);
	_cleanup_(free_memory) char *key = record_key(record);
	table_put(&agent->records, key, record);
	log_event(LOG_WARNING, key, "AttachmentWithoutRecord", "%s belongs to no record: closed until it is gone", link->name);
}

static void leave_uplink(const struct agent *agent, uint32_t ifindex) {
	struct vpc_error error = {""};
	int result = attachments_remove(agent, ifindex, &error);
	log_event(result < 0 ? LOG_ERROR : LOG_INFO, "node", result < 0 ? "UplinkNotLeft" : "UplinkLeft", "interface %u is not the uplink: %s",
	    ifindex, result < 0 ? error.text : "from_trunk was removed there");
}

void attachments_compare(struct agent *agent) {
	const struct vpc_attach_options options = options_of(agent);
	struct places places = {0};
	struct vpc_error error = {""};
	struct link link;
	if (vpc_attachment_each(&options, note_place, &places, &error) < 0)
		log_event(LOG_ERROR, "agent", "AttachmentsNotRead", "%s", error.text);
	for (size_t i = 0; i < places.count; i++) {
		const struct place *place = &places.items[i];
		if (place->is_trunk && place->ifindex != agent->uplink_ifindex)
			leave_uplink(agent, place->ifindex);
		else if (!place->is_node && !record_find_interface(agent, place->ifindex) && link_find_index(place->ifindex, &link) == 0)
			adopt_closed(agent, &link);
	}
	free(places.items);
}

static bool stands(const struct agent *agent, uint32_t ifindex, enum vpc_direction direction, const char *program) {
	const struct vpc_attach_options options = options_of(agent);
	struct vpc_attachment attachment;
	return vpc_attachment_check(ifindex, direction, &options, &attachment, NULL) == 0 && !strcmp(attachment.program, program);
}

bool attachments_has(const struct agent *agent, uint32_t ifindex, const char *program) {
	return stands(agent, ifindex, VPC_INGRESS, program);
}

bool attachments_are_closed(const struct agent *agent, uint32_t ifindex) {
	return stands(agent, ifindex, VPC_INGRESS, "confine") && stands(agent, ifindex, VPC_EGRESS, "confine");
}

int attachments_remove(const struct agent *agent, uint32_t ifindex, struct vpc_error *error) {
	const struct vpc_attach_options options = options_of(agent);
	int in = vpc_detach(ifindex, VPC_INGRESS, &options, error);
	int out = vpc_detach(ifindex, VPC_EGRESS, &options, in < 0 && in != -ENOENT ? NULL : error);
	int result = in < 0 && in != -ENOENT ? in : out;
	return result == -ENOENT ? 0 : result;
}
