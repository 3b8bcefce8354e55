// SPDX-License-Identifier: Apache-2.0
#include "cni_request.h"
#include "address.h"
#include "../cleanup.h"
#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_LIMIT 64 /* of nested brackets; deeper ones are no configuration */

static const char *const VERSIONS[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};

void cni_request_release(struct cni_request *request) {
	cJSON_Delete(request->configuration);
	request->configuration = NULL;
	request->previous = NULL;
}

/* A variable's value, or NULL. */
static const char *variable(const char *environment, size_t length, const char *name) {
	size_t name_length = strlen(name);
	for (const char *at = environment, *end = environment + length; at < end; at += strlen(at) + 1)
		if (!strncmp(at, name, name_length) && at[name_length] == '=')
			return at + name_length + 1;
	return NULL;
}

static bool is_container_id(const char *text) {
	if (!isalnum((unsigned char)*text))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("_.-", *text))
			return false;
	return true;
}

static bool is_interface(const char *text) {
	if (!*text || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	for (; *text; text++)
		if (*text == '/' || *text == ':' || (unsigned char)*text <= ' ')
			return false;
	return true;
}

static int take(const char *value, char *place, size_t size, const char *name, struct vpc_error *error) {
	if (strlen(value) >= size)
		return fail(error, CNI_INVALID_ENVIRONMENT, "%s is longer than %zu bytes", name, size - 1);
	strcpy(place, value);
	return 0;
}

static int take_argument(struct cni_request *request, const char *name, const char *value, struct vpc_error *error) {
	if (!strcmp(name, "K8S_POD_NAMESPACE"))
		return take(value, request->pod_namespace, sizeof request->pod_namespace, name, error);
	if (!strcmp(name, "K8S_POD_NAME"))
		return take(value, request->pod_name, sizeof request->pod_name, name, error);
	if (!strcmp(name, "K8S_POD_UID"))
		return take(value, request->pod_uid, sizeof request->pod_uid, name, error);
	return 0; /* others' */
}

static int parse_arguments(struct cni_request *request, const char *text, struct vpc_error *error) {
	_cleanup_(free_memory) char *copy = duplicate(text);
	char *rest = copy;
	for (char *pair; (pair = strsep(&rest, ";"));) {
		char *equals = strchr(pair, '=');
		if (!*pair)
			continue;
		if (!equals)
			return fail(error, CNI_INVALID_ENVIRONMENT, "CNI_ARGS: '%.60s' is no NAME=VALUE", pair);
		*equals = '\0';
		int result = take_argument(request, pair, equals + 1, error);
		if (result)
			return result;
	}
	return 0;
}

static int parse_environment(struct cni_request *request, const char *environment, size_t length, struct vpc_error *error) {
	bool per_container = request->command == VPC_CNI_ADD || request->command == VPC_CNI_DEL || request->command == VPC_CNI_CHECK;
	bool strict = request->command == VPC_CNI_ADD || request->command == VPC_CNI_CHECK;
	if (length && environment[length - 1])
		return fail(error, CNI_INVALID_ENVIRONMENT, "the environment is cut off");
	const char *container = variable(environment, length, "CNI_CONTAINERID"), *interface = variable(environment, length, "CNI_IFNAME");
	const char *network_namespace = variable(environment, length, "CNI_NETNS"), *arguments = variable(environment, length, "CNI_ARGS");
	if (!per_container)
		return 0;
	if (!container || !is_container_id(container))
		return fail(
		    error, CNI_INVALID_ENVIRONMENT, "CNI_CONTAINERID must be letters, digits, '_', '.' and '-', and begin with a letter or digit");
	int result = take(container, request->container, sizeof request->container - 8, "CNI_CONTAINERID", error);
	if (result)
		return result;
	if (strict && (!interface || !is_interface(interface)))
		return fail(error, CNI_INVALID_ENVIRONMENT, "CNI_IFNAME is missing, or no name of an interface");
	if (strict && (!network_namespace || !*network_namespace))
		return fail(error, CNI_INVALID_ENVIRONMENT, "CNI_NETNS is missing");
	result = interface ? take(interface, request->interface, sizeof request->interface, "CNI_IFNAME", error) : 0;
	if (!result && network_namespace)
		result = take(network_namespace, request->network_namespace, sizeof request->network_namespace, "CNI_NETNS", error);
	if (!result && arguments)
		result = parse_arguments(request, arguments, error);
	return strict ? result : 0;
}

static bool is_too_deep(const char *text, size_t length) {
	size_t depth = 0;
	for (size_t i = 0; i < length; i++)
		if (text[i] == '[' || text[i] == '{')
			depth++;
	if (depth <= DEPTH_LIMIT)
		return false;
	depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < length; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == '[' || text[i] == '{') && ++depth > DEPTH_LIMIT)
			return true;
		else if (!quoted && (text[i] == ']' || text[i] == '}') && depth)
			depth--;
	}
	return false;
}

static int parse_version(struct cni_request *request, struct vpc_error *error) {
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(request->configuration, "cniVersion");
	const char *version = item ? cJSON_GetStringValue(item) : "0.1.0";
	for (size_t i = 0; version && i < COUNT_OF(VERSIONS); i++)
		if (!strcmp(version, VERSIONS[i])) {
			strcpy(request->version, version);
			return 0;
		}
	return fail(
	    error, CNI_INCOMPATIBLE_VERSION, "cniVersion '%.40s' is not supported; 0.3.0 to 1.1.0 are", version ? version : "(no text)");
}

static int parse_configuration(struct cni_request *request, const char *text, size_t length, struct vpc_error *error) {
	const char *end = NULL;
	if (memchr(text, '\0', length) || is_too_deep(text, length))
		return fail(error, CNI_DECODE_FAILURE, "the network configuration is not usable JSON");
	_cleanup_(free_memory) char *copy = allocate(length + 1);
	memcpy(copy, text, length);
	request->configuration = cJSON_ParseWithOpts(copy, &end, true);
	if (!cJSON_IsObject(request->configuration))
		return fail(error, CNI_DECODE_FAILURE, "the network configuration is no JSON object (byte %td)", end ? end - copy : 0);
	const char *main_plugin = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request->configuration, "mainPlugin"));
	if (main_plugin)
		snprintf(request->main_plugin, sizeof request->main_plugin, "%s", main_plugin);
	request->previous = cJSON_GetObjectItemCaseSensitive(request->configuration, "prevResult");
	if (request->previous && !cJSON_IsObject(request->previous))
		return fail(error, CNI_DECODE_FAILURE, "prevResult is no JSON object");
	return parse_version(request, error);
}

int cni_request_parse(enum vpc_cni_command command, const char *environment, size_t environment_length, const char *configuration,
    size_t configuration_length, struct cni_request *ret_request, struct vpc_error *error) {
	struct cni_request request = {.command = command, .version = "1.0.0"};
	if (command < VPC_CNI_ADD || command > VPC_CNI_GC)
		return fail(error, CNI_INVALID_ENVIRONMENT, "there is no such command");
	int result = parse_environment(&request, environment, environment_length, error);
	if (!result)
		result = parse_configuration(&request, configuration, configuration_length, error);
	if (result && command == VPC_CNI_DEL && *request.container)
		result = 0; /* what can be removed is removed */
	if (!result && command == VPC_CNI_ADD && !request.previous)
		result = fail(error, CNI_INVALID_CONFIGURATION, "prevResult is missing: vpc-cni is chained behind a main plugin");
	if (result)
		cni_request_release(&request);
	else
		*ret_request = request;
	return result;
}

/* ---- prevResult ---- */

static int broken(struct vpc_error *error, const char *what) {
	return fail(error, CNI_DECODE_FAILURE, "prevResult: %s", what);
}

static int read_interfaces(const struct cni_request *request, struct cni_interface *interface, int *ret_index, struct vpc_error *error) {
	const cJSON *interfaces = cJSON_GetObjectItemCaseSensitive(request->previous, "interfaces"), *entry;
	int index = 0;
	if (!cJSON_IsArray(interfaces))
		return fail(
		    error, CNI_UNSUPPORTED_MAIN, "prevResult names no interfaces: the main plugin is not one with a veth of its own (ptp, bridge)");
	cJSON_ArrayForEach(entry, interfaces) {
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "name"));
		const char *sandbox = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "sandbox"));
		const char *mac = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "mac"));
		if (!name || strlen(name) > 15 || !is_interface(name))
			return broken(error, "an interface has no usable name");
		if (sandbox && *sandbox && !strcmp(name, request->interface)) {
			if (mac && *mac && mac_parse(mac, interface->mac) < 0)
				return broken(error, "the interface's mac is none");
			*ret_index = index;
		} else if ((!sandbox || !*sandbox) && interface->host_count < COUNT_OF(interface->host_names)) {
			strcpy(interface->host_names[interface->host_count++], name);
		}
		index++;
	}
	if (*ret_index < 0)
		return fail(error, CNI_INVALID_CONFIGURATION, "prevResult has no interface %s in the sandbox", request->interface);
	if (!interface->host_count)
		return fail(error, CNI_UNSUPPORTED_MAIN,
		    "prevResult names no interface on the host: ipvlan, macvlan, host-device and SR-IOV cannot be confined; use ptp or bridge");
	return 0;
}

static int add_next_hop(struct cni_interface *interface, const cJSON *item, struct vpc_error *error) {
	uint8_t address[16];
	const char *text = cJSON_GetStringValue(item);
	if (!item || cJSON_IsNull(item) || (text && !*text))
		return 0;
	if (!text || address_parse(text, address) < 0)
		return broken(error, "a gateway is no address");
	for (uint32_t i = 0; i < interface->next_hop_count; i++)
		if (!memcmp(interface->next_hops[i], address, 16))
			return 0;
	if (address_is_zero(address) || !memcmp(address, (uint8_t[16]){[10] = 0xff, [11] = 0xff}, 16))
		return 0;
	if (interface->next_hop_count == VPC_POD_NEXT_HOPS)
		return fail(error, CNI_UNSUPPORTED_FIELD, "prevResult has more than %d gateways", VPC_POD_NEXT_HOPS);
	memcpy(interface->next_hops[interface->next_hop_count++], address, 16);
	return 0;
}

static int add_address(struct cni_interface *interface, const char *text, struct vpc_error *error) {
	static const uint8_t none[16];
	char address[64];
	uint8_t bytes[16];
	const char *slash = text ? strchr(text, '/') : NULL;
	if (!slash || (size_t)(slash - text) >= sizeof address)
		return broken(error, "an address is no CIDR");
	memcpy(address, text, slash - text);
	address[slash - text] = '\0';
	if (address_parse(address, bytes) < 0)
		return broken(error, "an address is no CIDR");
	bool ipv4 = !strchr(address, ':');
	uint8_t *place = ipv4 ? interface->ipv4 : interface->ipv6;
	size_t length = ipv4 ? 4 : 16;
	if (memcmp(place, none, length))
		return fail(error, CNI_UNSUPPORTED_FIELD, "the Pod has more than one %s address", ipv4 ? "IPv4" : "IPv6");
	memcpy(place, ipv4 ? bytes + 12 : bytes, length);
	return 0;
}

static int read_addresses(const struct cni_request *request, struct cni_interface *interface, int index, struct vpc_error *error) {
	const cJSON *addresses = cJSON_GetObjectItemCaseSensitive(request->previous, "ips"), *entry;
	static const uint8_t none[16];
	if (addresses && !cJSON_IsArray(addresses))
		return broken(error, "ips is no list");
	cJSON_ArrayForEach(entry, addresses) {
		const cJSON *at = cJSON_GetObjectItemCaseSensitive(entry, "interface");
		if (at && !cJSON_IsNull(at) && (!cJSON_IsNumber(at) || at->valuedouble != index))
			continue; /* of another interface */
		int result = add_address(interface, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "address")), error);
		if (!result)
			result = add_next_hop(interface, cJSON_GetObjectItemCaseSensitive(entry, "gateway"), error);
		if (result)
			return result;
	}
	if (!memcmp(interface->ipv4, none, 4) && !memcmp(interface->ipv6, none, 16))
		return fail(error, CNI_INVALID_CONFIGURATION, "prevResult gives %s no address", request->interface);
	return 0;
}

int cni_request_interface(const struct cni_request *request, struct cni_interface *ret_interface, struct vpc_error *error) {
	struct cni_interface interface = {0};
	int index = -1;
	int result = read_interfaces(request, &interface, &index, error);
	if (!result)
		result = read_addresses(request, &interface, index, error);
	const cJSON *routes = cJSON_GetObjectItemCaseSensitive(request->previous, "routes"), *route;
	if (!result && routes && !cJSON_IsNull(routes) && !cJSON_IsArray(routes))
		result = broken(error, "routes is no list");
	if (!result)
		cJSON_ArrayForEach(route, routes) {
			result = add_next_hop(&interface, cJSON_GetObjectItemCaseSensitive(route, "gw"), error);
			if (result)
				break;
		}
	if (!result)
		*ret_interface = interface;
	return result;
}

char *cni_print_result(const struct cni_request *request) {
	cJSON *copy = request->previous ? cJSON_Duplicate(request->previous, true) : cJSON_CreateObject();
	if (!cJSON_GetObjectItemCaseSensitive(copy, "cniVersion"))
		cJSON_AddStringToObject(copy, "cniVersion", request->version);
	char *text = cJSON_PrintUnformatted(copy);
	cJSON_Delete(copy);
	return text;
}

char *cni_print_error(const char *version, int code, const char *message, const char *details) {
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "cniVersion", version);
	cJSON_AddNumberToObject(object, "code", code);
	cJSON_AddStringToObject(object, "msg", message);
	cJSON_AddStringToObject(object, "details", details);
	char *text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	return text;
}
