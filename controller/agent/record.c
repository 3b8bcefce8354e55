// SPDX-License-Identifier: Apache-2.0
#include "record.h"
#include "address.h"
#include "agent.h"
#include "allocation.h"
#include "../cleanup.h"
#include "files.h"
#include "log.h"
#include "text.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define RECORD_VERSION 1

struct record *record_free(struct record *record) {
	if (!record)
		return NULL;
	free(record->container);
	free(record->interface);
	free(record->network_namespace);
	free(record->namespace);
	free(record->name);
	free(record->uid);
	free(record->vpc_name);
	free(record->vpc_uid);
	free(record->created);
	free(record);
	return NULL;
}

static void record_release(struct record **record) {
	record_free(*record);
}

char *record_key(const struct record *record) {
	return *record->container ? duplicate(record->container) : format_text("ifindex-%u", record->pod.ifindex);
}

struct record *record_find(const struct agent *agent, const char *container) {
	return table_get(&agent->records, container);
}

struct record *record_find_interface(const struct agent *agent, uint32_t ifindex) {
	TABLE_EACH(&agent->records, entry) {
		struct record *record = entry->value;
		if (record->pod.ifindex == ifindex)
			return record;
	}
	return NULL;
}

/* ---- JSON ---- */

static void add_address(cJSON *object, const char *name, const uint8_t address[16]) {
	char text[INET6_ADDRSTRLEN];
	cJSON_AddStringToObject(object, name, address_format(address, text));
}

static void add_mac(cJSON *object, const char *name, const uint8_t mac[6]) {
	char text[18];
	cJSON_AddStringToObject(object, name, mac_format(mac, text));
}

static char *print_record(const struct record *record) {
	const struct vpc_pod *pod = &record->pod;
	uint8_t ipv4[16] = {[10] = 0xff, [11] = 0xff};
	memcpy(ipv4 + 12, pod->ipv4, 4);
	cJSON *object = cJSON_CreateObject();
	cJSON_AddNumberToObject(object, "version", RECORD_VERSION);
	cJSON_AddStringToObject(object, "container", record->container);
	cJSON_AddStringToObject(object, "interface", record->interface);
	cJSON_AddStringToObject(object, "networkNamespace", record->network_namespace);
	cJSON_AddStringToObject(object, "namespace", record->namespace);
	cJSON_AddStringToObject(object, "name", record->name);
	cJSON_AddStringToObject(object, "uid", record->uid);
	cJSON_AddStringToObject(object, "vpc", record->vpc_name);
	cJSON_AddStringToObject(object, "vpcUID", record->vpc_uid);
	cJSON_AddStringToObject(object, "created", record->created);
	cJSON_AddStringToObject(object, "encapsulation", encapsulation_text(pod->encapsulation));
	cJSON_AddNumberToObject(object, "networkID", pod->network_id);
	cJSON_AddNumberToObject(object, "ifindex", pod->ifindex);
	cJSON_AddNumberToObject(object, "mtu", pod->mtu);
	add_mac(object, "mac", pod->mac);
	add_mac(object, "hostMAC", pod->host_mac);
	add_address(object, "ipv4", ipv4);
	add_address(object, "ipv6", pod->ipv6);
	cJSON *hops = cJSON_AddArrayToObject(object, "nextHops");
	for (uint32_t i = 0; i < pod->next_hop_count; i++) {
		char text[INET6_ADDRSTRLEN];
		cJSON_AddItemToArray(hops, cJSON_CreateString(address_format(pod->next_hops[i], text)));
	}
	if (record->closed)
		cJSON_AddTrueToObject(object, "closed");
	char *text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	return text;
}

static bool take_text(const cJSON *object, const char *name, char **place) {
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
	*place = duplicate(text);
	return text != NULL;
}

static bool take_number(const cJSON *object, const char *name, double highest, uint32_t *ret_number) {
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= highest) ||
	    item->valuedouble != (uint32_t)item->valuedouble)
		return false;
	*ret_number = item->valuedouble;
	return true;
}

static bool take_mac(const cJSON *object, const char *name, uint8_t ret_mac[6]) {
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
	return text && mac_parse(text, ret_mac) == 0;
}

static bool take_address(const cJSON *item, uint8_t ret_address[16]) {
	const char *text = cJSON_GetStringValue(item);
	return text && address_parse(text, ret_address) == 0;
}

static bool take_pod(const cJSON *object, struct vpc_pod *pod) {
	uint8_t ipv4[16];
	const char *encapsulation = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "encapsulation"));
	const cJSON *hops = cJSON_GetObjectItemCaseSensitive(object, "nextHops"), *hop;
	if (!encapsulation || (strcmp(encapsulation, "vxlan") && strcmp(encapsulation, "vlan")))
		return false;
	pod->encapsulation = encapsulation_of(encapsulation);
	if (!take_number(object, "networkID", 16777215, &pod->network_id) || !take_number(object, "ifindex", INT32_MAX, &pod->ifindex) ||
	    !take_number(object, "mtu", 65535, &pod->mtu) || !take_mac(object, "mac", pod->mac) ||
	    !take_mac(object, "hostMAC", pod->host_mac) || !take_address(cJSON_GetObjectItemCaseSensitive(object, "ipv4"), ipv4) ||
	    !take_address(cJSON_GetObjectItemCaseSensitive(object, "ipv6"), pod->ipv6) || !cJSON_IsArray(hops) ||
	    cJSON_GetArraySize(hops) > VPC_POD_NEXT_HOPS || !pod->network_id || !pod->ifindex || !address_is_ipv4(ipv4))
		return false;
	memcpy(pod->ipv4, ipv4 + 12, 4);
	cJSON_ArrayForEach(hop, hops) if (!take_address(hop, pod->next_hops[pod->next_hop_count++])) return false;
	return true;
}

static struct record *parse_record(const char *text) {
	uint32_t version = 0;
	_cleanup_(record_release) struct record *record = allocate(sizeof *record);
	cJSON *object = cJSON_ParseWithOpts(text, NULL, true);
	bool good = object && take_number(object, "version", 1000, &version) && version == RECORD_VERSION &&
	            take_text(object, "container", &record->container) && take_text(object, "interface", &record->interface) &&
	            take_text(object, "networkNamespace", &record->network_namespace) && take_text(object, "namespace", &record->namespace) &&
	            take_text(object, "name", &record->name) && take_text(object, "uid", &record->uid) &&
	            take_text(object, "vpc", &record->vpc_name) && take_text(object, "vpcUID", &record->vpc_uid) &&
	            take_pod(object, &record->pod);
	if (!take_text(object, "created", &record->created)) /* an earlier version did not write it */
		record->created = duplicate("");
	record->closed = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "closed"));
	cJSON_Delete(object);
	return good ? steal_memory(&record) : NULL;
}

/* ---- files ---- */

static void load_one(struct agent *agent, const char *file) {
	_cleanup_(free_memory) char *text = NULL;
	_cleanup_(record_release) struct record *record = NULL;
	size_t length;
	int result = file_read(agent->state_folder, file, &text, &length, NULL);
	if (result == 0 && strlen(text) == length)
		record = parse_record(text);
	_cleanup_(free_memory) char *expected = record ? format_text("%s.json", record->container) : NULL;
	if (record && !strcmp(expected, file)) {
		record_free(table_put(&agent->records, record->container, record));
		record = NULL;
		return;
	}
	_cleanup_(free_memory) char *aside = format_text("%s.broken", file);
	renameat(agent->state_folder, file, agent->state_folder, aside);
	log_event(LOG_ERROR, file, "BrokenState", "%s; moved to %s/pods/%s, the Pod stays as the kernel has it",
	    result < 0 ? strerror(-result) : "not a record of version 1", agent->options.state, aside);
}

int records_load(struct agent *agent, struct vpc_error *error) {
	_cleanup_(free_memory) char *path = format_text("%s/pods", agent->options.state);
	agent->state_folder = folder_open(path, true);
	if (agent->state_folder < 0)
		return fail(error, agent->state_folder, "%s: %s; --state names a folder that can be written", path, strerror(-agent->state_folder));
	if (flock(agent->state_folder, LOCK_EX | LOCK_NB) < 0)
		return fail(error, -errno, "%s: %s", path, errno == EWOULDBLOCK ? "another agent works with this folder" : strerror(errno));
	files_sweep(agent->state_folder);
	DIR *files = opendir(path);
	if (!files)
		return fail(error, -errno, "%s: %s", path, strerror(errno));
	for (struct dirent *file; (file = readdir(files));) {
		const char *ending = strrchr(file->d_name, '.');
		if (file->d_name[0] != '.' && ending && !strcmp(ending, ".json"))
			load_one(agent, file->d_name);
	}
	closedir(files);
	return 0;
}

int record_store(struct agent *agent, const struct record *record, struct vpc_error *error) {
	_cleanup_(free_memory) char *file = format_text("%s.json", record->container);
	_cleanup_(free_memory) char *text = print_record(record);
	int result = text ? file_write(agent->state_folder, file, text, strlen(text), FILE_REPLACE_UNFLUSHED, NULL) : -ENOMEM;
	return result < 0 ? fail(error, result, "cannot write %s/pods/%s: %s", agent->options.state, file, strerror(-result)) : 0;
}

void record_unlink(struct agent *agent, const struct record *record) {
	_cleanup_(free_memory) char *file = format_text("%s.json", record->container);
	if (*record->container && unlinkat(agent->state_folder, file, 0) < 0 && errno != ENOENT)
		log_event(LOG_ERROR, file, "StateNotRemoved", "%s", strerror(errno));
}

void record_remove(struct agent *agent, struct record *record) {
	_cleanup_(free_memory) char *key = record_key(record);
	record_unlink(agent, record);
	if (table_get(&agent->records, key) == record)
		table_remove(&agent->records, key);
	record_free(record);
}
