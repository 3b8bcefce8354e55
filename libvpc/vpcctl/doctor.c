// SPDX-License-Identifier: Apache-2.0
/* What works on this machine, what does not, and what to do. */
#include "command_line.h"
#include "json_output.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <string.h>

#include "../probe_checks.h"

/* What can be done here, as long as no check prevents it. */
static const struct {
	uint32_t use; /* 0: needs nothing */
	const char *name, *text;
} USES[] = {
	{0, "template", "template show and patch"},
	{VPC_USE_ATTACH, "attach", "attach to ingress and egress"},
	{VPC_USE_XDP, "xdp", "attach to XDP"},
	{VPC_USE_VPCS, "vpcs", "VPCs (vpc-controller)"},
};
enum { USE_COUNT = sizeof USES / sizeof *USES };

static const struct {
	const char *name, *heading;
	enum exit_status status;
} FINDINGS[] = {
	[VPC_FINE] = {"ok", "ok", EXIT_DONE},
	[VPC_WARNING] = {"warning", "warning", EXIT_WARNED},
	[VPC_FAILURE] = {"failure", "FAILURE", EXIT_UNFIT},
};

/* What all checks together found. */
struct diagnosis {
	unsigned findings[VPC_FAILURE + 1];
	enum vpc_finding worst;
	uint32_t prevented;
	char failing[256], missing[512]; /* names, separated by commas */
	cJSON *checks;                   /* NULL: as text, at once */
};

__attribute__((format(printf, 3, 4)))
static void append(char *list, size_t size, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	size_t length = strlen(list);
	if (length)
		length += (size_t)snprintf(list + length, size - length, ", ");
	if (length < size)
		vsnprintf(list + length, size - length, format, arguments);
	va_end(arguments);
}

static void print_check(const struct vpc_check *check) {
	printf("%-8s %-16s %s", FINDINGS[check->finding].heading, check->name, check->found);
	if (*check->instead)
		printf(": %s", check->instead);
	if (*check->remedy)
		printf("; %s", check->remedy);
	putchar('\n');
}

static void add_check(cJSON *checks, const struct vpc_check *check) {
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "name", check->name);
	cJSON_AddStringToObject(object, "finding", FINDINGS[check->finding].name);
	cJSON_AddBoolToObject(object, "missing", check->missing);
	cJSON_AddStringToObject(object, "found", check->found);
	if (*check->instead)
		cJSON_AddStringToObject(object, "instead", check->instead);
	if (*check->remedy)
		cJSON_AddStringToObject(object, "remedy", check->remedy);
	cJSON_AddItemToArray(checks, object);
}

static int note_check(const struct vpc_check *check, void *context) {
	struct diagnosis *diagnosis = context;
	diagnosis->findings[check->finding]++;
	diagnosis->prevented |= check->prevents;
	if (check->finding > diagnosis->worst)
		diagnosis->worst = check->finding;
	if (check->finding == VPC_FAILURE)
		append(diagnosis->failing, sizeof diagnosis->failing, "%s", check->name);
	else if (check->missing)
		append(diagnosis->missing, sizeof diagnosis->missing, "%s (%s)", check->name, check->instead);
	if (diagnosis->checks)
		add_check(diagnosis->checks, check);
	else
		print_check(check);
	return 0;
}

static bool works(const struct diagnosis *diagnosis, size_t use) {
	return !(diagnosis->prevented & USES[use].use);
}

/* One sentence: what is missing, and what would still work. */
static void write_summary(const struct diagnosis *diagnosis, char *text, size_t size) {
	char working[256] = "", prevented[256] = "";
	for (size_t i = 0; i < USE_COUNT; i++)
		if (works(diagnosis, i))
			append(working, sizeof working, "%s", USES[i].text);
		else
			append(prevented, sizeof prevented, "%s", USES[i].text);
	if (*prevented)
		snprintf(text, size, "In the way: %s; would still work: %s; would not: %s.", diagnosis->failing, working, prevented);
	else
		snprintf(text, size, "Everything works here%s%s.", *diagnosis->missing ? "; missing: " : "", diagnosis->missing);
}

static void print_summary(const struct diagnosis *diagnosis, const char *summary) {
	const unsigned *findings = diagnosis->findings;
	printf("\n%s\n%u ok, %u warning%s, %u failure%s\n", summary, findings[VPC_FINE], findings[VPC_WARNING],
		findings[VPC_WARNING] == 1 ? "" : "s", findings[VPC_FAILURE], findings[VPC_FAILURE] == 1 ? "" : "s");
}

static void add_summary(cJSON *document, const struct diagnosis *diagnosis, const char *summary) {
	cJSON_AddStringToObject(document, "finding", FINDINGS[diagnosis->worst].name);
	cJSON_AddStringToObject(document, "summary", summary);
	cJSON *works_here = cJSON_AddObjectToObject(document, "works");
	for (size_t i = 0; i < USE_COUNT; i++)
		cJSON_AddBoolToObject(works_here, USES[i].name, works(diagnosis, i));
}

static int read_options(const struct command_line *command_line, struct vpc_probe_options *ret_options, struct vpc_error *error) {
	const char *interface = command_line->values[OPTION_INTERFACE];
	struct vpc_probe_options options = {.size = sizeof options, .pin_directory = command_line->values[OPTION_BPFFS]};
	if (interface && !(options.uplink_ifindex = if_nametoindex(interface)))
		return snprintf(error->text, sizeof error->text,
			"%.64s: no such interface in this network namespace; 'ip link' lists them", interface), -ENODEV;
	*ret_options = options;
	return 0;
}

enum exit_status diagnose(const struct command_line *command_line) {
	struct diagnosis diagnosis = {0};
	struct vpc_probe_options options;
	struct vpc_error error = {""};
	char summary[1024];
	int result = read_options(command_line, &options, &error);
	if (result < 0)
		return report(result, &error);
	cJSON *document = command_line->json ? json_document() : NULL;
	diagnosis.checks = document ? cJSON_AddArrayToObject(document, "checks") : NULL;
	result = vpc_probe(&options, note_check, &diagnosis, &error);
	if (result < 0) {
		cJSON_Delete(document);
		return report(result, &error);
	}
	write_summary(&diagnosis, summary, sizeof summary);
	if (document) {
		add_summary(document, &diagnosis, summary);
		json_print(document);
	} else {
		print_summary(&diagnosis, summary);
	}
	return FINDINGS[diagnosis.worst].status;
}

#define PRINT_CHECK(id, name, looks_at, ...) printf("  %-18s %s\n", name, looks_at);

void print_checks(void) {
	printf("\nChecks:\n");
	VPC_CHECKS(PRINT_CHECK)
}
