// SPDX-License-Identifier: Apache-2.0
#include "settings.h"
#include "../cleanup.h"
#include "events.h"
#include "files.h"
#include "text.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#define KEPT_FILE "settings.json"

static const struct object *find_config(const struct agent *agent) {
	const struct object *found = NULL;
	TABLE_EACH(&agent->objects[KIND_CONFIG], entry) {
		const struct object *object = entry->value;
		if (!strcmp(object->metadata.name, CONFIG_NAME) && (!found || strcmp(object->metadata.namespace, found->metadata.namespace) < 0))
			found = object;
	}
	return found;
}

/* ---- the last good ones, for the next start ---- */

static void release_json(cJSON **json) {
	cJSON_Delete(*json);
}

static void keep(const struct agent *agent, const struct text_map *data) {
	_cleanup_(release_json) cJSON *json = cJSON_CreateObject();
	_cleanup_(free_memory) char *old = NULL;
	size_t length;
	for (size_t i = 0; data && i < data->count; i++)
		cJSON_AddStringToObject(json, data->items[i].key, data->items[i].value);
	_cleanup_(free_memory) char *text = cJSON_PrintUnformatted(json);
	_cleanup_(close_fd) int folder = folder_open(agent->options.state, true);
	if (folder >= 0 && file_read(folder, KEPT_FILE, &old, &length, NULL) == 0 && !strcmp(old, text))
		return;
	int result = folder < 0 ? folder : file_write(folder, KEPT_FILE, text, strlen(text), FILE_REPLACE, NULL);
	if (result < 0)
		log_event(LOG_WARNING, "agent", "SettingsNotKept", "%s/" KEPT_FILE ": %s", agent->options.state, strerror(-result));
}

static int load_kept(const struct agent *agent, struct config *ret_config) {
	_cleanup_(free_memory) char *text = NULL;
	struct text_map data = {0};
	size_t length;
	_cleanup_(close_fd) int folder = folder_open(agent->options.state, true);
	int result = folder < 0 ? folder : file_read(folder, KEPT_FILE, &text, &length, NULL);
	if (result < 0)
		return result;
	_cleanup_(release_json) cJSON *json = cJSON_Parse(text);
	data.items = allocate((cJSON_GetArraySize(json) + 1) * sizeof *data.items);
	const cJSON *item;
	cJSON_ArrayForEach(item, json) if (cJSON_IsString(item))
		data.items[data.count++] = (struct text_pair){item->string, item->valuestring};
	result = cJSON_IsObject(json) ? config_parse(&data, ret_config, NULL) : -EINVAL;
	free(data.items);
	return result;
}

/* ---- what cannot change while the agent runs ---- */

__attribute__((format(printf, 3, 4))) static void add_line(char *text, size_t size, const char *format, ...) {
	size_t length = strlen(text);
	va_list arguments;
	va_start(arguments, format);
	length += snprintf(text + length, size - length, "%s", length ? "; " : "");
	vsnprintf(text + length, size - length, format, arguments);
	va_end(arguments);
}

/* Puts the datapath's settings back to what it was opened with, and says which differ. What the command line says counts. */
static void keep_datapath(const struct agent *agent, struct config *config, char *ret_text, size_t size) {
	const struct config *old = &agent->config;
	if (!agent->options.uplink && strcmp(config->uplink, old->uplink))
		add_line(ret_text, size, "data.uplink is '%s', '%s' is in force", config->uplink, old->uplink);
	if (!agent->options.underlay && config->underlay_family != old->underlay_family)
		add_line(ret_text, size, "data.underlayFamily is IPv%u, IPv%u is in force", config->underlay_family, old->underlay_family);
	if (config->udp_port != old->udp_port)
		add_line(ret_text, size, "data.udpPort is %u, %u is in force", config->udp_port, old->udp_port);
	memcpy(config->uplink, old->uplink, sizeof config->uplink);
	config->underlay_family = old->underlay_family;
	config->udp_port = old->udp_port;
	if (*ret_text)
		add_line(ret_text, size, "restart the agents, of all nodes together");
}

/* ---- taking ---- */

static void note_trouble(struct agent *agent, const struct object *found, const char *reason, const char *text) {
	struct subject subject = found ? subject_of(found) : (struct subject){KIND_CONFIG, SYSTEM_NAMESPACE, CONFIG_NAME, NULL};
	bool same = reason ? agent->settings_reason && !strcmp(agent->settings_reason, reason) && !strcmp(agent->settings_trouble, text)
	                   : !agent->settings_reason;
	if (same)
		return;
	agent->settings_reason = reason;
	snprintf(agent->settings_trouble, sizeof agent->settings_trouble, "%s", text);
	if (reason)
		tell(agent, LOG_WARNING, subject, reason, "%s", text);
	else
		tell(agent, LOG_INFO, subject, "SettingsInForce", "every setting is in force");
}

/* At the start, with nothing that could be read. */
static void fall_back(struct agent *agent) {
	struct config config;
	if (agent->datapath || agent->options.no_datapath)
		return;
	agent->settings_lacking = load_kept(agent, &config) < 0;
	if (!agent->settings_lacking)
		agent->config = config;
}

bool settings_take_kept(struct agent *agent) {
	return load_kept(agent, &agent->config) == 0;
}

void settings_take(struct agent *agent) {
	struct vpc_error error = {""};
	struct config config;
	char text[600] = "";
	const struct object *found = find_config(agent);
	bool unreadable = !found && !agent->source->verbs->complete(agent->source);
	if (unreadable)
		fail(&error, -EINVAL, "there is no ConfigMap %s, and not everything could be read", CONFIG_NAME);
	if (unreadable || config_parse(found ? &found->config : NULL, &config, &error) < 0) {
		fall_back(agent);
		note_trouble(agent, found, "WrongSettings", error.text);
		return;
	}
	agent->settings_lacking = false;
	if (!agent->options.no_datapath)
		keep(agent, found ? &found->config : NULL);
	if (agent->datapath)
		keep_datapath(agent, &config, text, sizeof text);
	agent->config = config;
	note_trouble(agent, found, *text ? "RestartNeeded" : NULL, text);
}
