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
	if (known.hook < VPC_HOOK_AUTO || known.hook > VPC_HOOK_XDP_GENERIC)
		return vpc_fail(error, -EINVAL, "%d is no hook", known.hook);
	if (!known.owner[0] || strlen(known.owner) >= sizeof((struct session *)0)->owner)
		return vpc_fail(error, -EINVAL, "owner '%s' does not have 1 to 15 characters", known.owner);
	*ret_options = known;
	return 0;
}

static int check_place(uint32_t ifindex, enum vpc_direction direction, enum vpc_hook hook, struct vpc_error *error) {
	bool is_xdp_hook = hook == VPC_HOOK_XDP_NATIVE || hook == VPC_HOOK_XDP_GENERIC;
	if (direction < VPC_INGRESS || direction > VPC_XDP)
		return vpc_fail(error, -EINVAL, "%d is no direction", direction);
	if (ifindex == 0)
		return vpc_fail(error, -ENODEV, "0 is no interface index");
	if (hook != VPC_HOOK_AUTO && is_xdp_hook != (direction == VPC_XDP))
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

/* 1 if ours stands and this record is the one of what stands. */
static int record_is_true(const struct vpc_place *place, const struct vpc_record *record);

/* Finishes or forgets what a process that died had staged. */
static void recover(struct session *session) {
	struct vpc_record staged;
	if (vpc_record_get(session->records_fd, &session->place, true, &staged))
		return;
	if (record_is_true(&session->place, &staged) && vpc_record_commit(session->records_fd, &session->place, &staged, NULL) == 0) {
		session->record = staged;
		session->known = true;
		return;
	}
	vpc_record_unstage(session->records_fd, &session->place);
}

static int open_session(uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options, enum vpc_pins_lock lock,
	struct session *ret_session, struct vpc_error *error) {
	_cleanup_(close_session) struct session session = {.pins = VPC_PINS_CLOSED, .records_fd = -1};
	struct vpc_attach_options known = {.size = 0};

	int result = read_options(options, &known, error);
	result = result ?: check_place(ifindex, direction, known.hook, error);
	result = result ?: read_netns(&session.place.netns, error);
	result = result ?: vpc_pins_open(known.pin_directory, lock, &session.pins, error);
	if (result)
		return result;
	session.records_fd = vpc_records_open(&session.pins, lock == VPC_PINS_MAKE, error);
	if (session.records_fd < 0)
		return session.records_fd;

	session.hook = known.hook;
	snprintf(session.owner, sizeof session.owner, "%s", known.owner);
	session.place.ifindex = ifindex;
	session.place.direction = direction;
	*ret_session = session;
	ret_session->place.pins = &ret_session->pins;
	session.records_fd = session.pins.fd = -1;

	ret_session->known = vpc_record_get(ret_session->records_fd, &ret_session->place, false, &ret_session->record) == 0;
	if (lock != VPC_PINS_SHARED)
		recover(ret_session);
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

static const struct vpc_hook_kind *kind_of(enum vpc_hook hook) {
	return hook == VPC_HOOK_TCX ? &vpc_hook_tcx : NULL;
}

static int record_is_true(const struct vpc_place *place, const struct vpc_record *record) {
	struct vpc_standing standing;
	const struct vpc_hook_kind *kind = kind_of((enum vpc_hook)record->hook);
	return kind && kind->look(place, record, &standing, NULL) == 0 && standing.program_id == record->program_id;
}

static int compare(const struct session *session, const struct vpc_record *record, const struct vpc_standing *standing, int code,
	struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT];
	vpc_interface_text(session->place.ifindex, interface);
	const char *direction = vpc_direction_name(session->place.direction);
	if (standing->program_id != record->program_id || standing->program_tag != record->program_tag)
		return vpc_fail(error, code, "%s of interface %s runs program %" PRIu32 " (tag %016" PRIx64 ") instead of %" PRIu32 " (tag %016" PRIx64 ")",
			direction, interface, standing->program_id, standing->program_tag, record->program_id, record->program_tag);
	if (!standing->first)
		return vpc_fail(error, code, "%s of interface %s: %s runs before ours; attach again to move ours to the head", direction, interface,
			standing->ahead);
	return 0;
}

static int put(struct session *session, const struct vpc_instance *instance, enum vpc_hook hook, struct vpc_error *error) {
	const struct vpc_hook_kind *kind = kind_of(hook);
	struct vpc_standing standing;
	struct vpc_record record;
	vpc_record_fill(instance, hook, session->owner, &record);

	int result = vpc_record_stage(session->records_fd, &session->place, &record, error);
	if (result)
		return result;
	result = kind->put(&session->place, vpc_instance_fd(instance), &record, error);
	if (result) {
		vpc_record_unstage(session->records_fd, &session->place);
		return result;
	}
	result = kind->look(&session->place, &record, &standing, error);
	result = result ?: compare(session, &record, &standing, -EIO, error);
	result = result ?: vpc_record_commit(session->records_fd, &session->place, &record, error);
	if (result && !session->known) {
		kind->drop(&session->place, &record, NULL);
		vpc_record_unstage(session->records_fd, &session->place);
	}
	return result;
}

static void remove_empty(const struct session *session) {
	vpc_records_remove_empty(&session->pins, session->records_fd);
	vpc_pins_remove_empty(&session->pins);
}

int vpc_attach(const struct vpc_instance *instance, uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options,
	struct vpc_error *error) {
	_cleanup_(close_session) struct session session = {.pins = VPC_PINS_CLOSED, .records_fd = -1};

	int result = open_session(ifindex, direction, options, VPC_PINS_MAKE, &session, error);
	if (result)
		return result;
	result = check_owner(&session, error);
	result = result ?: put(&session, instance, VPC_HOOK_TCX, error);
	if (result)
		remove_empty(&session);
	return result;
}

int vpc_detach(uint32_t ifindex, enum vpc_direction direction, const struct vpc_attach_options *options, struct vpc_error *error) {
	_cleanup_(close_session) struct session session = {.pins = VPC_PINS_CLOSED, .records_fd = -1};
	char interface[VPC_INTERFACE_TEXT];

	int result = open_session(ifindex, direction, options, VPC_PINS_CHANGE, &session, error);
	if (result)
		return result;
	if (!session.known)
		return vpc_fail(error, -ENOENT, "nothing of ours is attached to %s of interface %s", vpc_direction_name(direction),
			vpc_interface_text(ifindex, interface));
	result = check_owner(&session, error);
	result = result ?: kind_of((enum vpc_hook)session.record.hook)->drop(&session.place, &session.record, error);
	result = result ?: vpc_record_delete(session.records_fd, &session.place);
	if (result == 0)
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
		return vpc_fail(error, -ENOENT, "nothing of ours is attached to %s of interface %s", vpc_direction_name(direction),
			vpc_interface_text(ifindex, interface));
	result = kind_of((enum vpc_hook)session.record.hook)->look(&session.place, &session.record, &standing, error);
	if (result == -ENOENT)
		return vpc_fail(error, -ENOENT, "what we attached to %s of interface %s was removed; attach again", vpc_direction_name(direction),
			vpc_interface_text(ifindex, interface));
	result = result ?: compare(&session, &session.record, &standing, -ESTALE, error);
	if (result == 0 && ret_attachment)
		vpc_record_tell(&session.place, &session.record, ret_attachment);
	return result;
}

int vpc_attachment_each(const struct vpc_attach_options *options, int (*visit)(const struct vpc_attachment *attachment, void *context),
	void *context, struct vpc_error *error) {
	(void)options;
	(void)visit;
	(void)context;
	return vpc_fail(error, -ENOSYS, "not yet");
}
