// SPDX-License-Identifier: Apache-2.0
#include "attach_hook.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"

/* One call's view of a place: the locked directory, the records, and what is known of the place. */
struct session {
	struct vpc_pins pins;
	int records_fd;
	struct vpc_place place;
	enum vpc_hook hook;
	char owner[16];
	struct vpc_record record; /* valid if known */
	bool known;
};

static void close_session(struct session *session) {
	close_fd(&session->records_fd);
	vpc_pins_close(&session->pins);
}

static int read_options(const struct vpc_attach_options *options, struct vpc_attach_options *ret_options, struct vpc_error *error) {
	struct vpc_attach_options known = {.size = sizeof known};
	if (options && options->size < sizeof options->size)
		return vpc_fail(error, -EINVAL, "options.size is not set; set it to sizeof");
	if (options)
		memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
	known.owner = known.owner ? known.owner : "vpcctl";
	if (known.hook < VPC_HOOK_AUTO || known.hook > VPC_HOOK_QUICK)
		return vpc_fail(error, -EINVAL, "%d is no hook", known.hook);
	if (!known.owner[0] || strlen(known.owner) >= sizeof((struct session *)0)->owner)
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

static int read_netns(uint64_t *ret_netns, struct vpc_error *error) {
	struct stat status;
	if (stat("/proc/thread-self/ns/net", &status))
		return vpc_fail(error, -errno, "/proc/thread-self/ns/net: %s; is /proc mounted?", strerror(errno));
	*ret_netns = status.st_ino;
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

/* Opens the records, of no place yet; the options are complete. */
static int open_records(
	const struct vpc_attach_options *options, enum vpc_pins_lock lock, struct session *ret_session, struct vpc_error *error) {
	_cleanup_(close_session) struct session session = {.pins = VPC_PINS_CLOSED, .records_fd = -1};

	int result = read_netns(&session.place.netns, error);
	result = result ?: vpc_pins_open(options->pin_directory, lock, &session.pins, error);
	if (result)
		return result;
	session.records_fd = vpc_records_open(&session.pins, lock != VPC_PINS_SHARED, error);
	if (session.records_fd < 0) {
		vpc_pins_remove_empty(&session.pins);
		return session.records_fd;
	}
	session.hook = options->hook;
	snprintf(session.owner, sizeof session.owner, "%s", options->owner);
	*ret_session = session;
	ret_session->place.pins = &ret_session->pins;
	session.records_fd = session.pins.fd = -1;
	return 0;
}

static int open_session(uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options, enum vpc_pins_lock lock,
	struct session *session, struct vpc_error *error) {
	struct vpc_attach_options known = {.size = 0};
	int result = check_place(ifindex, direction, error);
	result = result ?: read_options(options, &known, error);
	result = result ?: check_hook(direction, known.hook, error);
	result = result ?: open_records(&known, lock, session, error);
	if (result)
		return result;
	session->place.ifindex = ifindex;
	session->place.direction = direction;
	session->known = lock == VPC_PINS_SHARED ? vpc_record_get(session->records_fd, &session->place, false, &session->record) == 0
							: recover(session->records_fd, &session->place, &session->record);
	return 0;
}

static int check_owner(const struct session *session, struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT];
	if (!session->known || strcmp(session->record.owner, session->owner) == 0)
		return 0;
	return vpc_fail(error, -EBUSY, "%s of interface %s is held by %s (program %s); only %s may change or detach it",
		vpc_direction_name(session->place.direction), vpc_interface_text(session->place.ifindex, interface), session->record.owner,
		session->record.program, session->record.owner);
}

/* 0 if what stands is what the record says, and stands first; else the code. */
static int compare(const struct vpc_place *place, const struct vpc_record *record, const struct vpc_standing *standing, int code,
	struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT];
	const char *direction = vpc_direction_name(place->direction);
	bool is_same = standing->program_id == record->program_id && standing->program_tag == record->program_tag;
	if (is_same && standing->first && !standing->unpinned)
		return 0;

	vpc_interface_text(place->ifindex, interface);
	if (!is_same)
		return vpc_fail(error, code,
			"%s of interface %s runs program %" PRIu32 " (tag %016" PRIx64 ") instead of %" PRIu32 " (tag %016" PRIx64 ")", direction,
			interface, standing->program_id, standing->program_tag, record->program_id, record->program_tag);
	if (!standing->first)
		return vpc_fail(error, code, "%s of interface %s: %s runs before ours; attach again to move ours to the head", direction, interface,
			standing->ahead);
	return vpc_fail(error, code, "%s of interface %s: our pin of the program was removed; attach again", direction, interface);
}

/* What stands on the other kind of hook of the same direction: before a move, or left there by a process that died. */
static int drop_other_kind(const struct session *session, const struct vpc_record *record, struct vpc_error *error) {
	struct vpc_record other = *record;
	other.hook = record->hook == VPC_HOOK_TCX ? VPC_HOOK_CLSACT : VPC_HOOK_TCX;
	if (session->place.direction == VPC_XDP)
		return 0;
	_cleanup_(close_fd) int fd = vpc_pins_get(&session->place, other.hook == VPC_HOOK_TCX ? VPC_PIN_LINK : VPC_PIN_PROGRAM);
	return fd < 0 ? 0 : drop(session->records_fd, &session->place, &other, error);
}

/* Attaches to one kind of hook. A change of the kind leaves the older attachment in force until the new one stands. */
static int put(struct session *session, const struct vpc_instance *instance, enum vpc_hook hook, struct vpc_error *error) {
	const struct vpc_hook_kind *kind = vpc_hook_kind_of(hook);
	bool replaces = session->known && session->record.hook == hook;
	struct vpc_standing standing;
	struct vpc_record record;

	vpc_record_fill(instance, hook, session->owner, &record);
	record.flags = session->known ? session->record.flags : 0;
	int result = kind->prepare ? kind->prepare(&session->place, &record, error) : 0;
	result = result ?: vpc_record_stage(session->records_fd, &session->place, &record, error);
	if (result)
		return result;
	result = kind->put(&session->place, vpc_instance_fd(instance), &record, error);
	if (result) {
		vpc_record_unstage(session->records_fd, &session->place);
		return result;
	}
	result = kind->look(&session->place, &standing, error);
	result = result ?: compare(&session->place, &record, &standing, -EIO, error);
	result = result ?: vpc_record_commit(session->records_fd, &session->place, &record, error);
	if (result == 0)
		return drop_other_kind(session, &record, error);
	if (!replaces)
		drop(session->records_fd, &session->place, &record, NULL);
	vpc_record_unstage(session->records_fd, &session->place);
	return result;
}

/* An interface runs XDP in one mode at a time, so the mode cannot change without a moment in between. */
static int put_xdp(struct session *session, const struct vpc_instance *instance, struct vpc_error *error) {
	struct vpc_standing standing;
	char interface[VPC_INTERFACE_TEXT];
	bool stands = session->known && vpc_hook_xdp.look(&session->place, &standing, NULL) == 0;
	enum vpc_hook present = (enum vpc_hook)session->record.hook;

	if (stands && is_xdp(session->hook) && session->hook != present)
		return vpc_fail(error, -EBUSY, "ours is attached to interface %s as %s; detach it before attaching it as %s",
			vpc_interface_text(session->place.ifindex, interface), vpc_hook_name(present), vpc_hook_name(session->hook));
	if (stands)
		return put(session, instance, present, error);
	if (is_xdp(session->hook))
		return put(session, instance, session->hook, error);
	int result = put(session, instance, VPC_HOOK_XDP_NATIVE, error);
	return result == -ENOTSUP ? put(session, instance, VPC_HOOK_XDP_GENERIC, error) : result;
}

static int put_first_of(
	struct session *session, const struct vpc_instance *instance, enum vpc_hook first, enum vpc_hook second, struct vpc_error *error) {
	int result = put(session, instance, first, error);
	return result == -ENOTSUP || result == -EBUSY ? put(session, instance, second, error) : result;
}

static int put_tc(struct session *session, const struct vpc_instance *instance, struct vpc_error *error) {
	bool stands_on_tcx = session->known && session->record.hook == VPC_HOOK_TCX;
	if (session->hook == VPC_HOOK_QUICK && !stands_on_tcx)
		return put_first_of(session, instance, VPC_HOOK_CLSACT, VPC_HOOK_TCX, error);
	if (session->hook == VPC_HOOK_QUICK || session->hook == VPC_HOOK_AUTO)
		return put_first_of(session, instance, VPC_HOOK_TCX, VPC_HOOK_CLSACT, error);
	return put(session, instance, session->hook, error);
}

static void remove_empty(const struct session *session) {
	if (session->records_fd >= 0)
		vpc_records_remove_empty(&session->pins, session->records_fd);
	vpc_pins_remove_empty(&session->pins);
}

int vpc_attach(const struct vpc_instance *instance, uint32_t ifindex, enum vpc_direction direction,
	const struct vpc_attach_options *options, struct vpc_error *error) {
	_cleanup_(close_session) struct session session = {.pins = VPC_PINS_CLOSED, .records_fd = -1};

	int result = open_session(ifindex, direction, options, VPC_PINS_MAKE, &session, error);
	if (result)
		return result;
	result = check_owner(&session, error);
	result = result ?: (direction == VPC_XDP ? put_xdp : put_tc)(&session, instance, error);
	if (result)
		remove_empty(&session);
	return result;
}

static int fail_nothing(const struct session *session, struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT];
	return vpc_fail(error, -ENOENT, "nothing of ours is attached to %s of interface %s", vpc_direction_name(session->place.direction),
		vpc_interface_text(session->place.ifindex, interface));
}

/* A pin without a record, since somebody removed the records: takes it for ours. */
static bool find_stray(struct session *session) {
	_cleanup_(close_fd) int link_fd = vpc_pins_get(&session->place, VPC_PIN_LINK);
	_cleanup_(close_fd) int program_fd = vpc_pins_get(&session->place, VPC_PIN_PROGRAM);
	session->record = (struct vpc_record){.hook = link_fd >= 0 ? VPC_HOOK_TCX : VPC_HOOK_CLSACT};
	memcpy(session->record.owner, session->owner, sizeof session->owner);
	return link_fd >= 0 || program_fd >= 0;
}

static int drop_all(struct session *session, struct vpc_error *error) {
	if (!session->known && !find_stray(session))
		return fail_nothing(session, error);
	int result = check_owner(session, error);
	result = result ?: drop(session->records_fd, &session->place, &session->record, error);
	result = result ?: drop_other_kind(session, &session->record, error);
	result = result ?: vpc_record_delete(session->records_fd, &session->place);
	return result;
}

int vpc_detach(uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options, struct vpc_error *error) {
	_cleanup_(close_session) struct session session = {.pins = VPC_PINS_CLOSED, .records_fd = -1};

	int result = open_session(ifindex, direction, options, VPC_PINS_CHANGE, &session, error);
	if (result)
		return result;
	result = drop_all(&session, error);
	remove_empty(&session);
	return result;
}

int vpc_attachment_check(uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options,
	struct vpc_attachment *ret_attachment, struct vpc_error *error) {
	_cleanup_(close_session) struct session session = {.pins = VPC_PINS_CLOSED, .records_fd = -1};
	char interface[VPC_INTERFACE_TEXT];
	struct vpc_standing standing;

	int result = open_session(ifindex, direction, options, VPC_PINS_SHARED, &session, error);
	if (result)
		return result;
	if (!session.known)
		return fail_nothing(&session, error);
	result = vpc_hook_kind_of((enum vpc_hook)session.record.hook)->look(&session.place, &standing, error);
	if (result == -ENOENT)
		return vpc_fail(error, -ENOENT, "what we attached to %s of interface %s was removed; attach again", vpc_direction_name(direction),
			vpc_interface_text(ifindex, interface));
	result = result ?: compare(&session.place, &session.record, &standing, -ESTALE, error);
	if (result == 0 && ret_attachment)
		vpc_record_tell(&session.place, &session.record, ret_attachment);
	return result;
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
	if (if_indextoname(place->ifindex, name))
		return true;
	forget(records_fd, place, record);
	return false;
}

/* Fills the list with what is attached in the caller's network namespace. */
static int collect(const struct session *session, struct vpc_attachment **ret_list, size_t *ret_count) {
	_cleanup_(free_memory) struct vpc_record_key *keys = NULL;
	size_t key_count, count = 0;
	int result = vpc_record_keys(session->records_fd, &keys, &key_count);
	if (result)
		return result;
	struct vpc_attachment *list = calloc(key_count + 1, sizeof *list);
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < key_count; i++) {
		struct vpc_place place = {&session->pins, keys[i].netns, keys[i].ifindex, (enum vpc_direction)keys[i].direction};
		struct vpc_record record;
		if (is_to_visit(session->records_fd, &place, &keys[i], session->place.netns, &record))
			vpc_record_tell(&place, &record, &list[count++]);
	}
	*ret_list = list;
	*ret_count = count;
	return 0;
}

/* The list is made under the lock, and the lock given up before anybody is called. */
static int list_attachments(
	const struct vpc_attach_options *options, struct vpc_attachment **ret_list, size_t *ret_count, struct vpc_error *error) {
	_cleanup_(close_session) struct session session = {.pins = VPC_PINS_CLOSED, .records_fd = -1};
	struct vpc_attach_options known = {.size = 0};
	int result = read_options(options, &known, error);
	result = result ?: open_records(&known, VPC_PINS_CHANGE, &session, error);
	if (result)
		return result;
	result = collect(&session, ret_list, ret_count);
	remove_empty(&session);
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
