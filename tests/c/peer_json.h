/* JSON of the peer program: texts of the library, objects with fields that may be absent, maps by ids. */
#ifndef PEER_JSON_H
#define PEER_JSON_H

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <parlor.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline cJSON *text_of(parlor_str text) {
    if (text.data == NULL) {
        return NULL;
    }
    char *copy = calloc(text.len + 1, 1);
    memcpy(copy, text.data, text.len);
    cJSON *string = cJSON_CreateString(copy);
    free(copy);
    return string;
}

static inline cJSON *parse(parlor_str text) { return text.data == NULL ? NULL : cJSON_ParseWithLength(text.data, text.len); }

static inline cJSON *hex_of(parlor_str bytes) {
    char *text = calloc(2 * bytes.len + 1, 1);
    for (size_t i = 0; i < bytes.len; i++) {
        snprintf(text + 2 * i, 3, "%02x", (unsigned char)bytes.data[i]);
    }
    cJSON *string = cJSON_CreateString(text);
    free(text);
    return string;
}

/* Adds a field, unless there is no value. */
static inline void put(cJSON *object, const char *name, cJSON *value) {
    if (value != NULL && !cJSON_IsNull(value)) {
        cJSON_AddItemToObject(object, name, value);
    } else {
        cJSON_Delete(value);
    }
}

static inline void put_text(cJSON *object, const char *name, const char *text) { put(object, name, cJSON_CreateString(text)); }
static inline void put_number(cJSON *object, const char *name, double number) {
    put(object, name, cJSON_CreateNumber(number));
}

/* A map's key. */
static inline const char *key(uint64_t id, char text[24]) {
    snprintf(text, 24, "%" PRIu64, id);
    return text;
}

static inline cJSON *get(cJSON *map, uint64_t id) {
    char text[24];
    return cJSON_GetObjectItemCaseSensitive(map, key(id, text));
}

static inline void set(cJSON *map, uint64_t id, cJSON *value) {
    char text[24];
    cJSON_DeleteItemFromObjectCaseSensitive(map, key(id, text));
    cJSON_AddItemToObject(map, text, value);
}

static inline cJSON *field(const cJSON *command, const char *name) {
    cJSON *value = cJSON_GetObjectItemCaseSensitive(command, name);
    return cJSON_IsNull(value) ? NULL : value;
}

static inline const char *string(const cJSON *command, const char *name) { return cJSON_GetStringValue(field(command, name)); }

static inline uint64_t number(const cJSON *command, const char *name) {
    const cJSON *value = field(command, name);
    return value == NULL ? 0 : (uint64_t)value->valuedouble;
}

/* A text that may be absent. */
static inline parlor_str optional(const char *text) { return text == NULL ? (parlor_str){NULL, 0} : parlor_str_of(text); }

/* A status as the protocol spells codes, such as invalid_argument. */
static inline cJSON *code(parlor_status status) {
    char name[64];
    snprintf(name, sizeof name, "%s", parlor_status_name(status));
    for (char *at = name; *at != '\0'; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    return cJSON_CreateString(name);
}

static inline const char *kind_name(int32_t kind) { return kind == PARLOR_MEDIA_KIND_VIDEO ? "video" : "audio"; }

#endif
