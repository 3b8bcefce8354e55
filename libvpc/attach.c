// SPDX-License-Identifier: Apache-2.0
#include "attach_hook.h"
#include "attach_session.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

/* One call's view of a place: the records, and what is known of the place. */
struct work {
	struct vpc_place place;
	int records_fd;
	enum vpc_hook hook;
	char owner[16];
	struct vpc_record record; /* valid if known */
	bool known;
};

static int read_options(const struct vpc_attach_options *options, struct vpc_attach_options *ret_options, struct vpc_error *error) {
	struct vpc_attach_options known = {.size = sizeof known};
	if (options && options->size < sizeof options->size)
		return vpc_fail(error, -EINVAL, "options.size is not set; set it to sizeof");
	if (options)
		memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
	known.owner = known.owner ? known.owner : "vpcctl";
	if (known.hook < VPC_HOOK_AUTO || known.hook > VPC_HOOK_QUICK)
		return vpc_fail(error, -EINVAL, "%d is no hook", known.hook);
	if (!known.owner[0] || strlen(known.owner) >= sizeof((struct work *)0)->owner)
		return vpc_fail(error, -EINVAL, "owner '%s' does not have 1 to 15 characters", known.owner);
	*ret_options = known;
	return 0;
}

static bool is_xdp(enum vpc_hook hook) {
	return hook == VPC_HOOK_XDP_NATIVE || hook == VPC_HOOK_XDP_GENERIC;
}

static int check_place(uint32_t ifindex, enum vpc_direction direction, struct vpc_error *error) {
	if (direction < VPC_INGRESS || direction > VPC_XDP)
		return vpc_fail(error, -EINVAL, "%d is no direction", direction);
	if (ifindex == 0)
		return vpc_fail(error, -ENODEV, "0 is no interface index");
	return 0;
}

static int check_hook(enum vpc_direction direction, enum vpc_hook hook, struct vpc_error *error) {
	bool chosen = hook != VPC_HOOK_AUTO && hook != VPC_HOOK_QUICK;
	if (chosen && is_xdp(hook) != (direction == VPC_XDP))
		return vpc_fail(error, -EINVAL, "hook %s does not have direction %s", vpc_hook_name(hook), vpc_direction_name(direction));
	return 0;
}

static bool record_is_true(const struct vpc_place *place, const struct vpc_record *record) {
	struct vpc_standing standing;
	return vpc_hook_kind_of((enum vpc_hook)record->hook)->look(place, &standing, NULL) == 0 && standing.program_id == record->program_id;
}

/* Removes the clsact qdisc that was made for this place, or leaves that to the other direction if it is in use there. */
static void release_qdisc(int records_fd, const struct vpc_place *place, const struct vpc_record *record) {
	struct vpc_place other = *place;
	struct vpc_record other_record;
	if (!(record->flags & VPC_RECORD_QDISC_OURS))
		return;
	other.direction = place->direction == VPC_INGRESS ? VPC_EGRESS : VPC_INGRESS;
	if (vpc_record_get(records_fd, &other, false, &other_record) || other_record.hook != VPC_HOOK_CLSACT) {
		vpc_clsact_remove_qdisc(place);
		return;
	}
	other_record.flags |= VPC_RECORD_QDISC_OURS;
	vpc_record_commit(records_fd, &other, &other_record, NULL);
}

static int drop(int records_fd, const struct vpc_place *place, const struct vpc_record *record, struct vpc_error *error) {
	int result = vpc_hook_kind_of((enum vpc_hook)record->hook)->drop(place, record, error);
	if (result == 0)
		release_qdisc(records_fd, place, record);
	return result;
}

/*
 * Finishes or forgets what a process that died had staged. Returns whether the place has a record afterwards, and that
 * record.
 */
static bool recover(int records_fd, const struct vpc_place *place, struct vpc_record *record) {
	struct vpc_record staged;
	bool known = vpc_record_get(records_fd, place, false, record) == 0;
	if (vpc_record_get(records_fd, place, true, &staged))
		return known;

	bool is_true = record_is_true(place, &staged);
	const struct vpc_record *left_over = is_true ? record : &staged;
	if (is_true && vpc_record_commit(records_fd, place, &staged, NULL))
		return known;
	/* Two kinds of hook: the change was a move from one to the other, of which one end is left over. */
	if (is_true ? known && record->hook != staged.hook : !known || record->hook != staged.hook)
		drop(records_fd, place, left_over, NULL);
	if (is_true)
		*record = staged;
	vpc_record_unstage(records_fd, place);
	return known || is_true;
}

static int check_call(uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options,
	struct vpc_attach_options *ret_options, struct vpc_error *error) {
	struct vpc_attach_options known = {.size = 0};
	int result = check_place(ifindex, direction, error);
	result = result ?: read_options(options, &known, error);
	result = result ?: check_hook(direction, known.hook, error);
	if (result == 0)
		*ret_options = known;
	return result;
}

static struct vpc_place make_place(struct vpc_session *session, uint64_t netns, uint32_t ifindex, enum vpc_direction direction) {
	return (struct vpc_place){&session->pins, netns, ifindex, direction, &session->netlink, &session->qdisc};
}

/* The options are complete. */
static struct work make_work(
	struct vpc_session *session, uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options) {
	struct work work = {
		.place = make_place(session, session->netns, ifindex, direction),
		.records_fd = session->records_fd,
		.hook = options->hook,
	};
	snprintf(work.owner, sizeof work.owner, "%s", options->owner);
	return work;
}

static int check_owner(const struct work *work, struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT];
	if (!work->known || strcmp(work->record.owner, work->owner) == 0)
		return 0;
	return vpc_fail(error, -EBUSY, "%s of interface %s is held by %s (program %s); only %s may change or detach it",
		vpc_direction_name(work->place.direction), vpc_interface_text(work->place.ifindex, interface), work->record.owner,
		work->record.program, work->record.owner);
}

/* 0 if what stands is what the record says, and stands first; else the code. */
static int compare(const struct vpc_place *place, const struct vpc_record *record, const struct vpc_standing *standing, int code,
	struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT];
	const char *direction = vpc_direction_name(place->direction);
	bool is_same = standing->program_id == record->program_id && standing->program_tag == record->program_tag;
	if (is_same && standing->first)
		return 0;

	vpc_interface_text(place->ifindex, interface);
	if (!is_same)
		return vpc_fail(error, code,
			"%s of interface %s runs program %" PRIu32 " (tag %016" PRIx64 ") instead of %" PRIu32 " (tag %016" PRIx64 ")", direction,
			interface, standing->program_id, standing->program_tag, record->program_id, record->program_tag);
	return vpc_fail(error, code, "%s of interface %s: %s runs before ours; attach again to move ours to the head", direction, interface,
		standing->ahead);
}

/* What stands on the other kind of hook of the same direction: before a move, or left there by a process that died. */
static int drop_other_kind(const struct work *work, const struct vpc_record *record, struct vpc_error *error) {
	struct vpc_record other = *record;
	other.hook = record->hook == VPC_HOOK_TCX ? VPC_HOOK_CLSACT : VPC_HOOK_TCX;
	if (work->place.direction == VPC_XDP)
		return 0;
	_cleanup_(close_fd) int fd = vpc_pins_get(&work->place, other.hook == VPC_HOOK_TCX ? VPC_PIN_LINK : VPC_PIN_PROGRAM);
	return fd < 0 ? 0 : drop(work->records_fd, &work->place, &other, error);
}

/* Attaches to one kind of hook. A change of the kind leaves the older attachment in force until the new one stands. */
static int put(struct work *work, const struct vpc_instance *instance, enum vpc_hook hook, struct vpc_error *error) {
	const struct vpc_hook_kind *kind = vpc_hook_kind_of(hook);
	bool replaces = work->known && work->record.hook == hook;
	struct vpc_standing standing;
	struct vpc_record record;

	vpc_record_fill(instance, hook, work->owner, &record);
	record.flags = work->known ? work->record.flags : 0;
	int result = kind->prepare ? kind->prepare(&work->place, &record, error) : 0;
	result = result ?: vpc_record_stage(work->records_fd, &work->place, &record, error);
	if (result)
		return result;
	result = kind->put(&work->place, vpc_instance_fd(instance), &record, error);
	if (result) {
		vpc_record_unstage(work->records_fd, &work->place);
		return result;
	}
	result = kind->look(&work->place, &standing, error);
	result = result ?: compare(&work->place, &record, &standing, -EIO, error);
	result = result ?: vpc_record_commit(work->records_fd, &work->place, &record, error);
	if (result == 0)
		return drop_other_kind(work, &record, error);
	if (!replaces)
		drop(work->records_fd, &work->place, &record, NULL);
	vpc_record_unstage(work->records_fd, &work->place);
	return result;
}

/* An interface runs XDP in one mode at a time, so the mode cannot change without a moment in between. */
static int put_xdp(struct work *work, const struct vpc_instance *instance, struct vpc_error *error) {
	struct vpc_standing standing;
	char interface[VPC_INTERFACE_TEXT];
	bool stands = work->known && vpc_hook_xdp.look(&work->place, &standing, NULL) == 0;
	enum vpc_hook present = (enum vpc_hook)work->record.hook;

	if (stands && is_xdp(work->hook) && work->hook != present)
		return vpc_fail(error, -EBUSY, "ours is attached to interface %s as %s; detach it before attaching it as %s",
			vpc_interface_text(work->place.ifindex, interface), vpc_hook_name(present), vpc_hook_name(work->hook));
	if (stands)
		return put(work, instance, present, error);
	if (is_xdp(work->hook))
		return put(work, instance, work->hook, error);
	int result = put(work, instance, VPC_HOOK_XDP_NATIVE, error);
	return result == -ENOTSUP ? put(work, instance, VPC_HOOK_XDP_GENERIC, error) : result;
}

static int put_first_of(
	struct work *work, const struct vpc_instance *instance, enum vpc_hook first, enum vpc_hook second, struct vpc_error *error) {
	int result = put(work, instance, first, error);
	return result == -ENOTSUP || result == -EBUSY ? put(work, instance, second, error) : result;
}

static int put_tc(struct work *work, const struct vpc_instance *instance, struct vpc_error *error) {
	bool stands_on_tcx = work->known && work->record.hook == VPC_HOOK_TCX;
	if (work->hook == VPC_HOOK_QUICK && !stands_on_tcx)
		return put_first_of(work, instance, VPC_HOOK_CLSACT, VPC_HOOK_TCX, error);
	if (work->hook == VPC_HOOK_QUICK || work->hook == VPC_HOOK_AUTO)
		return put_first_of(work, instance, VPC_HOOK_TCX, VPC_HOOK_CLSACT, error);
	return put(work, instance, work->hook, error);
}

static int attach_at(struct vpc_session *session, const struct vpc_instance *instance, uint32_t ifindex, enum vpc_direction direction,
	const struct vpc_attach_options *options, struct vpc_error *error) {
	struct work work = make_work(session, ifindex, direction, options);
	work.known = recover(work.records_fd, &work.place, &work.record);
	int result = check_owner(&work, error);
	return result ?: (direction == VPC_XDP ? put_xdp : put_tc)(&work, instance, error);
}

int vpc_session_attach(struct vpc_session *session, const struct vpc_instance *instance, uint32_t ifindex, enum vpc_direction direction,
	const struct vpc_attach_options *options, struct vpc_error *error) {
	struct vpc_attach_options known = {.size = 0};
	int result = check_call(ifindex, direction, options, &known, error);
	return result ?: attach_at(session, instance, ifindex, direction, &known, error);
}

int vpc_attach(const struct vpc_instance *instance, uint32_t ifindex, enum vpc_direction direction,
	const struct vpc_attach_options *options, struct vpc_error *error) {
	_cleanup_(vpc_session_close) struct vpc_session session = VPC_SESSION_CLOSED;
	struct vpc_attach_options known = {.size = 0};

	int result = check_call(ifindex, direction, options, &known, error);
	result = result ?: vpc_session_begin(&session, known.pin_directory, VPC_PINS_MAKE, error);
	if (result)
		return result;
	result = attach_at(&session, instance, ifindex, direction, &known, error);
	if (result)
		vpc_session_remove_empty(&session);
	return result;
}

static int fail_nothing(const struct work *work, struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT];
	return vpc_fail(error, -ENOENT, "nothing of ours is attached to %s of interface %s", vpc_direction_name(work->place.direction),
		vpc_interface_text(work->place.ifindex, interface));
}

/* A pin without a record, since somebody removed the records: takes it for ours. */
static bool find_stray(struct work *work) {
	_cleanup_(close_fd) int link_fd = vpc_pins_get(&work->place, VPC_PIN_LINK);
	_cleanup_(close_fd) int program_fd = vpc_pins_get(&work->place, VPC_PIN_PROGRAM);
	work->record = (struct vpc_record){.hook = link_fd >= 0 ? VPC_HOOK_TCX : VPC_HOOK_CLSACT};
	memcpy(work->record.owner, work->owner, sizeof work->owner);
	return link_fd >= 0 || program_fd >= 0;
}

static int drop_all(struct work *work, struct vpc_error *error) {
	if (!work->known && !find_stray(work))
		return fail_nothing(work, error);
	int result = check_owner(work, error);
	result = result ?: drop(work->records_fd, &work->place, &work->record, error);
	result = result ?: drop_other_kind(work, &work->record, error);
	result = result ?: vpc_record_delete(work->records_fd, &work->place);
	return result;
}

static int detach_at(struct vpc_session *session, uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options,
	struct vpc_error *error) {
	struct work work = make_work(session, ifindex, direction, options);
	work.known = recover(work.records_fd, &work.place, &work.record);
	return drop_all(&work, error);
}

int vpc_session_detach(struct vpc_session *session, uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options,
	struct vpc_error *error) {
	struct vpc_attach_options known = {.size = 0};
	int result = check_call(ifindex, direction, options, &known, error);
	return result ?: detach_at(session, ifindex, direction, &known, error);
}

int vpc_detach(uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options, struct vpc_error *error) {
	_cleanup_(vpc_session_close) struct vpc_session session = VPC_SESSION_CLOSED;
	struct vpc_attach_options known = {.size = 0};

	int result = check_call(ifindex, direction, options, &known, error);
	result = result ?: vpc_session_begin(&session, known.pin_directory, VPC_PINS_CHANGE, error);
	if (result)
		return result;
	result = detach_at(&session, ifindex, direction, &known, error);
	vpc_session_remove_empty(&session);
	return result;
}

static int check_at(struct vpc_session *session, uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options,
	struct vpc_attachment *ret_attachment, struct vpc_error *error) {
	struct work work = make_work(session, ifindex, direction, options);
	char interface[VPC_INTERFACE_TEXT];
	struct vpc_standing standing;

	work.known = vpc_record_get(work.records_fd, &work.place, false, &work.record) == 0;
	if (!work.known)
		return fail_nothing(&work, error);
	const struct vpc_hook_kind *kind = vpc_hook_kind_of((enum vpc_hook)work.record.hook);
	int result = kind->look(&work.place, &standing, error);
	if (result == -ENOENT)
		return vpc_fail(error, -ENOENT, "what we attached to %s of interface %s was removed; attach again", vpc_direction_name(direction),
			vpc_interface_text(ifindex, interface));
	result = result ?: compare(&work.place, &work.record, &standing, -ESTALE, error);
	if (result == 0 && kind->is_pinned && !kind->is_pinned(&work.place, work.record.program_id))
		result = vpc_fail(error, -ESTALE, "%s of interface %s: our pin of the program was removed; attach again", vpc_direction_name(direction),
			vpc_interface_text(ifindex, interface));
	if (result == 0 && ret_attachment)
		vpc_record_tell(&work.place, &work.record, ret_attachment);
	return result;
}

int vpc_session_check(struct vpc_session *session, uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options,
	struct vpc_attachment *ret_attachment, struct vpc_error *error) {
	struct vpc_attach_options known = {.size = 0};
	int result = check_call(ifindex, direction, options, &known, error);
	return result ?: check_at(session, ifindex, direction, &known, ret_attachment, error);
}

int vpc_attachment_check(uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options,
	struct vpc_attachment *ret_attachment, struct vpc_error *error) {
	_cleanup_(vpc_session_close) struct vpc_session session = VPC_SESSION_CLOSED;
	struct vpc_attach_options known = {.size = 0};

	int result = check_call(ifindex, direction, options, &known, error);
	result = result ?: vpc_session_begin(&session, known.pin_directory, VPC_PINS_SHARED, error);
	return result ?: check_at(&session, ifindex, direction, &known, ret_attachment, error);
}

/* An interface of another network namespace is out of sight, but a link tells whether it lives. */
static bool is_dead(const struct vpc_place *place, const struct vpc_record *record) {
	_cleanup_(close_fd) int fd = -1;
	struct vpc_bpf_link link;
	uint32_t type = is_xdp((enum vpc_hook)record->hook) ? VPC_BPF_LINK_XDP : VPC_BPF_LINK_TCX;
	return record->hook != VPC_HOOK_CLSACT && vpc_hook_get_link(place, type, &fd, &link) == -ENOENT;
}

static void forget(int records_fd, const struct vpc_place *place, const struct vpc_record *record) {
	drop(records_fd, place, record, NULL);
	vpc_record_delete(records_fd, place);
}

/* Tells whether the key's record is one to visit; removes it if its interface has vanished. */
static bool is_to_visit(
	int records_fd, const struct vpc_place *place, const struct vpc_record_key *key, uint64_t our_netns, struct vpc_record *record) {
	struct vpc_record other;
	char name[IF_NAMESIZE];
	if (vpc_record_get(records_fd, place, key->staged, record) || (key->staged && vpc_record_get(records_fd, place, false, &other) == 0))
		return false; /* finished or forgotten already, or comes up under the other key */
	if (key->netns != our_netns) {
		if (is_dead(place, record))
			forget(records_fd, place, record);
		return false;
	}
	if (!recover(records_fd, place, record))
		return false;
	if (if_indextoname(place->ifindex, name) || errno != ENXIO) /* which it says of no other interface than a missing one */
		return true;
	forget(records_fd, place, record);
	return false;
}

/* Fills the list with what is attached in the caller's network namespace. */
static int collect(struct vpc_session *session, struct vpc_attachment **ret_list, size_t *ret_count) {
	_cleanup_(free_memory) struct vpc_record_key *keys = NULL;
	size_t key_count, count = 0;
	int result = vpc_record_keys(session->records_fd, &keys, &key_count);
	if (result)
		return result;
	struct vpc_attachment *list = calloc(key_count + 1, sizeof *list);
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < key_count; i++) {
		struct vpc_place place = make_place(session, keys[i].netns, keys[i].ifindex, (enum vpc_direction)keys[i].direction);
		struct vpc_record record;
		if (is_to_visit(session->records_fd, &place, &keys[i], session->netns, &record))
			vpc_record_tell(&place, &record, &list[count++]);
	}
	*ret_list = list;
	*ret_count = count;
	return 0;
}

/* The list is made under the lock, and the lock given up before anybody is called. */
static int list_attachments(
	const struct vpc_attach_options *options, struct vpc_attachment **ret_list, size_t *ret_count, struct vpc_error *error) {
	_cleanup_(vpc_session_close) struct vpc_session session = VPC_SESSION_CLOSED;
	struct vpc_attach_options known = {.size = 0};
	int result = read_options(options, &known, error);
	result = result ?: vpc_session_begin(&session, known.pin_directory, VPC_PINS_CHANGE, error);
	if (result)
		return result;
	result = collect(&session, ret_list, ret_count);
	vpc_session_remove_empty(&session);
	return result ? vpc_fail(error, result, "list of attachments: %s", strerror(-result)) : 0;
}

int vpc_attachment_each(const struct vpc_attach_options *options, int (*visit)(const struct vpc_attachment *attachment, void *context),
	void *context, struct vpc_error *error) {
	_cleanup_(free_memory) struct vpc_attachment *list = NULL;
	size_t count = 0;
	int result = list_attachments(options, &list, &count, error);
	if (result)
		return result == -ENOENT ? 0 : result;
	for (size_t i = 0; i < count; i++) {
		result = visit(&list[i], context);
		if (result)
			return result;
	}
	return 0;
}
