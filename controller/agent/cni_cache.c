// SPDX-License-Identifier: Apache-2.0
#include "cni_cache.h"
#include "../cleanup.h"
#include "base64.h"
#include "files.h"
#include "text.h"

#include <dirent.h>
#include <string.h>

static void release_json(cJSON **json) {
	cJSON_Delete(*json);
}

static const char *text_of(const cJSON *object, const char *name) {
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
	return text ? text : "";
}

static void add_variable(struct buffer *environment, const char *name, const char *value) {
	buffer_format(environment, "%s=%s", name, value);
	buffer_append(environment, "", 1);
}

/* Earlier versions of the library do not keep the path by itself, but the result names it. */
static const char *find_network_namespace(const cJSON *file) {
	const cJSON *result = cJSON_GetObjectItemCaseSensitive(file, "result"), *interface;
	const char *path = text_of(file, "netns");
	cJSON_ArrayForEach(interface, cJSON_GetObjectItemCaseSensitive(result, "interfaces"))
		if (!*path && !strcmp(text_of(interface, "name"), text_of(file, "ifName")))
			path = text_of(interface, "sandbox");
	return path;
}

static int write_arguments(const cJSON *file, struct buffer *arguments, struct vpc_error *error) {
	const cJSON *pair;
	buffer_text(arguments, "");
	cJSON_ArrayForEach(pair, cJSON_GetObjectItemCaseSensitive(file, "cniArgs")) {
		const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0)), *value = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 1));
		if (!name || !value || strchr(name, ';') || strchr(value, ';'))
			return fail(error, CNI_DECODE_FAILURE, "cniArgs: not pairs of texts");
		buffer_format(arguments, "%s%s=%s", arguments->length ? ";" : "", name, value);
	}
	return 0;
}

/* Its type decides whether it can be confined; "" if that is not told. */
static void add_main_plugin(cJSON *configuration, const cJSON *file) {
	_cleanup_(free_memory) char *bytes = NULL;
	size_t length;
	if (base64_decode(text_of(file, "config"), &bytes, &length) < 0)
		return;
	_cleanup_(release_json) cJSON *list = cJSON_Parse(bytes);
	const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(list, "plugins"), 0);
	cJSON_AddStringToObject(configuration, "mainPlugin", text_of(first, "type"));
}

static char *make_configuration(const cJSON *file) {
	const cJSON *result = cJSON_GetObjectItemCaseSensitive(file, "result");
	const char *version = text_of(result, "cniVersion");
	cJSON *configuration = cJSON_CreateObject();
	cJSON_AddStringToObject(configuration, "cniVersion", *version ? version : "1.0.0");
	cJSON_AddStringToObject(configuration, "name", text_of(file, "networkName"));
	cJSON_AddStringToObject(configuration, "type", "vpc-cni");
	add_main_plugin(configuration, file);
	cJSON_AddItemReferenceToObject(configuration, "prevResult", (cJSON *)result);
	char *text = cJSON_PrintUnformatted(configuration);
	cJSON_Delete(configuration);
	return text;
}

int cni_cache_read(const char *text, struct cni_request *ret_request, struct vpc_error *error) {
	_cleanup_(release_json) cJSON *file = cJSON_Parse(text);
	if (strcmp(text_of(file, "kind"), "cniCacheV1") || !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(file, "result")))
		return fail(error, CNI_DECODE_FAILURE, "not of kind cniCacheV1, or without a result");
	_cleanup_(buffer_release) struct buffer environment = {0}, arguments = {0};
	int result = write_arguments(file, &arguments, error);
	if (result)
		return result;
	add_variable(&environment, "CNI_CONTAINERID", text_of(file, "containerId"));
	add_variable(&environment, "CNI_IFNAME", text_of(file, "ifName"));
	add_variable(&environment, "CNI_NETNS", find_network_namespace(file));
	add_variable(&environment, "CNI_ARGS", arguments.bytes);
	_cleanup_(free_memory) char *configuration = make_configuration(file);
	return configuration ? cni_request_parse(VPC_CNI_ADD, environment.bytes, environment.length, configuration, strlen(configuration),
	                           ret_request, error)
	                     : fail(error, CNI_DECODE_FAILURE, "the result cannot be printed");
}

static bool read_one(int folder, const char *name, struct cni_request *ret_request) {
	_cleanup_(free_memory) char *text = NULL;
	size_t length;
	return file_read(folder, name, &text, &length, NULL) == 0 && cni_cache_read(text, ret_request, NULL) == 0;
}

void cni_cache_each(const char *folder, bool (*visit)(void *context, struct cni_request *request), void *context) {
	DIR *files = opendir(folder);
	bool done = false;
	if (!files)
		return;
	for (struct dirent *file; !done && (file = readdir(files));) {
		struct cni_request request;
		if (file->d_name[0] == '.' || !read_one(dirfd(files), file->d_name, &request))
			continue;
		done = strcmp(request.interface, "lo") && visit(context, &request);
		if (!done)
			cni_request_release(&request);
	}
	closedir(files);
}
