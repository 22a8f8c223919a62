/* One session of the C library for the conformance tests, driven by lines of JSON.
 *
 * Reads commands, {"id", "call", ...}, and writes lines: {"id", "value"} or {"id", "error", "message"} for each, and
 * {"event": {"name", "at", ...}} for what the session tells, with peers by their ids on the wire; the same as
 * tests/conformance/engine. */
#include "peer_json.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>

/* A picture that a busy machine can carry several times; ids on the wire and labels are shorter than TEXT. */
enum { WIDTH = 320, HEIGHT = 180, RATE = 15, TONE_HZ = 440, MOST_PEERS = 64, TEXT = 1024 };
/* -40 dBFS as a mean of squares. */
static const double LOUD_ENERGY = 1e-4;

/* What came of all tracks that a peer has sent so far, guarded by `mutex`. */
typedef struct received {
    pthread_mutex_t mutex;
    char peer[TEXT];
    uint64_t pictures, packets, loud;
    double first_picture, last_picture, longest_pause; /* in milliseconds, 0 for never */
} received;

static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;
/* Guards the maps below, objects by the ids of events, which know also peers that have left. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static cJSON *peers, *streams, *channels, *tracks;
static received all_received[MOST_PEERS];
static size_t received_count;

static parlor_engine *engine;
static parlor_session *session;
static cJSON *added; /* ids of own streams by their names */

static double now_ms(void) { return (double)parlor_time_us() / 1000; }

static void write_line(cJSON *line) {
    char *text = cJSON_PrintUnformatted(line);
    pthread_mutex_lock(&output);
    puts(text);
    fflush(stdout);
    pthread_mutex_unlock(&output);
    cJSON_free(text);
    cJSON_Delete(line);
}

/* --- Received media ------------------------------------------------------------------------------------------- */

static received *received_of(const char *peer) {
    pthread_mutex_lock(&mutex);
    size_t at = 0;
    while (at < received_count && strcmp(all_received[at].peer, peer) != 0) {
        at += 1;
    }
    if (at == received_count) {
        if (at == MOST_PEERS) {
            abort(); /* More than any scenario has. */
        }
        snprintf(all_received[at].peer, TEXT, "%s", peer);
        pthread_mutex_init(&all_received[at].mutex, NULL);
        received_count += 1;
    }
    pthread_mutex_unlock(&mutex);
    return &all_received[at];
}

static void on_picture(void *userdata, const parlor_video_frame *frame) {
    received *from = userdata;
    (void)frame;
    const double now = now_ms();
    pthread_mutex_lock(&from->mutex);
    if (from->pictures == 0) {
        from->first_picture = now;
    } else if (now - from->last_picture > from->longest_pause) {
        from->longest_pause = now - from->last_picture;
    }
    from->last_picture = now;
    from->pictures += 1;
    pthread_mutex_unlock(&from->mutex);
}

static void on_sound(void *userdata, const parlor_audio_frame *frame) {
    received *from = userdata;
    double energy = 0;
    for (size_t i = 0; i < frame->sample_count; i++) {
        energy += frame->samples[i] / 32768.0 * (frame->samples[i] / 32768.0);
    }
    pthread_mutex_lock(&from->mutex);
    from->loud += energy > LOUD_ENERGY * (double)frame->sample_count;
    pthread_mutex_unlock(&from->mutex);
}

static void on_packet(void *userdata, const parlor_encoded_frame *packet) {
    received *from = userdata;
    (void)packet;
    pthread_mutex_lock(&from->mutex);
    from->packets += 1;
    pthread_mutex_unlock(&from->mutex);
}

static void receive(const parlor_event *event) {
    pthread_mutex_lock(&mutex);
    const char *peer = cJSON_GetStringValue(get(peers, event->peer_id));
    pthread_mutex_unlock(&mutex);
    received *from = received_of(peer);
    parlor_status status;
    if (event->media_kind == PARLOR_MEDIA_KIND_VIDEO) {
        const parlor_video_sink sink = {.struct_size = sizeof sink, .on_frame = on_picture, .userdata = from};
        status = parlor_session_set_video_sink(session, event->track_id, &sink);
    } else {
        const parlor_audio_sink sink = {
            .struct_size = sizeof sink, .on_frame = on_sound, .on_encoded = on_packet, .userdata = from};
        status = parlor_session_set_audio_sink(session, event->track_id, &sink);
    }
    if (status != PARLOR_STATUS_OK) {
        fprintf(stderr, "a remote track cannot be received: %s\n", parlor_last_error_message());
    }
}

/* --- Events --------------------------------------------------------------------------------------------------- */

/* Adds what to tell of an event beside its name; with the maps' mutex. */
static void add_details(cJSON *told, const parlor_event *e) {
    if (e->type == PARLOR_EVENT_PEER_JOINED) {
        set(peers, e->peer_id, text_of(e->wire_id));
    } else if (e->type == PARLOR_EVENT_STREAM_ADDED) {
        set(streams, e->stream_id, text_of(e->wire_id));
    } else if (e->type == PARLOR_EVENT_CHANNEL_OPEN) {
        set(channels, e->channel_id, text_of(e->label));
    } else if (e->type == PARLOR_EVENT_TRACK_ADDED) {
        cJSON *track = cJSON_CreateObject();
        put(track, "peer", cJSON_Duplicate(get(peers, e->peer_id), true));
        put_text(track, "kind", kind_name(e->media_kind));
        set(tracks, e->track_id, track);
    }
    if (e->peer_id != 0) {
        put(told, "peer", cJSON_Duplicate(get(peers, e->peer_id), true));
        put_number(told, "object", (double)e->peer_id);
    }
    if (e->stream_id != 0) {
        put(told, "stream", cJSON_Duplicate(get(streams, e->stream_id), true));
    }
    if (e->track_id != 0) {
        put_number(told, "track", (double)e->track_id);
        put(told, "kind", cJSON_Duplicate(field(get(tracks, e->track_id), "kind"), true));
    }
    if (e->channel_id != 0) {
        put_number(told, "channel", (double)e->channel_id);
        put(told, "label", cJSON_Duplicate(get(channels, e->channel_id), true));
    }
    if (e->request_id != 0) {
        put_number(told, "request", (double)e->request_id);
    }
    if (e->status != PARLOR_STATUS_OK) {
        put(told, "error", code(e->status));
        put(told, "message", text_of(e->text));
    }
    switch (e->type) {
    case PARLOR_EVENT_JOINED:
        put(told, "peer", text_of(e->wire_id));
        put(told, "channel", text_of(e->channel));
        break;
    case PARLOR_EVENT_LEFT: put(told, "reason", text_of(e->text)); break;
    case PARLOR_EVENT_STATE_CHANGE:
        put_text(told, "from", parlor_state_name(e->from_state));
        put_text(told, "to", parlor_state_name(e->to_state));
        break;
    case PARLOR_EVENT_PEER_STATE_CHANGE:
        put_text(told, "from", parlor_peer_state_name(e->from_state));
        put_text(told, "to", parlor_peer_state_name(e->to_state));
        break;
    case PARLOR_EVENT_PEER_JOINED:
    case PARLOR_EVENT_STREAM_ADDED: put(told, "metadata", parse(e->metadata)); break;
    case PARLOR_EVENT_TRACK_REMOVED: {
        char text[24];
        cJSON_DeleteItemFromObjectCaseSensitive(tracks, key(e->track_id, text));
        break;
    }
    case PARLOR_EVENT_DATA:
        put(told, "data", parse(e->data));
        put_text(told, "kind", e->message_kind == PARLOR_MESSAGE_KIND_DIRECT ? "direct" : "broadcast");
        put(told, "senderMetadata", parse(e->metadata));
        break;
    case PARLOR_EVENT_CHANNEL_OPEN: put(told, "incoming", cJSON_CreateBool(e->incoming)); break;
    case PARLOR_EVENT_CHANNEL_MESSAGE:
        put(told, e->binary ? "bytes" : "text", e->binary ? hex_of(e->data) : text_of(e->data));
        break;
    case PARLOR_EVENT_NEGOTIATION_ERROR: put(told, "message", text_of(e->text)); break;
    case PARLOR_EVENT_GOING_AWAY: put_number(told, "retryAfterMs", (double)e->retry_after_ms); break;
    default: break;
    }
}

static void on_event(void *userdata, const parlor_event *event) {
    (void)userdata;
    cJSON *line = cJSON_CreateObject(), *told = cJSON_AddObjectToObject(line, "event");
    put_text(told, "name", parlor_event_type_name(event->type));
    put_number(told, "at", now_ms());
    pthread_mutex_lock(&mutex);
    add_details(told, event);
    pthread_mutex_unlock(&mutex);
    write_line(line);
    if (event->type == PARLOR_EVENT_TRACK_ADDED) {
        receive(event);
    }
}

/* --- Commands: each gives a status, and on success what it answers ---------------------------------------------- */

/* Finds a peer that is in the channel by its id on the wire; 0 when there is none. */
static uint64_t peer_of(const char *wire_id) {
    uint64_t ids[MOST_PEERS];
    size_t count = 0;
    if (parlor_session_peers(session, ids, MOST_PEERS, &count) != PARLOR_STATUS_OK) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        char found[TEXT];
        size_t length = 0;
        if (parlor_session_peer_wire_id(session, ids[i], found, sizeof found, &length) == PARLOR_STATUS_OK &&
            length == strlen(wire_id) && memcmp(found, wire_id, length) == 0) {
            return ids[i];
        }
    }
    return 0;
}

static parlor_status create(const cJSON *command, cJSON **value) {
    (void)value;
    const char *api_key = string(command, "key"), *token = string(command, "token");
    const cJSON *addresses = field(command, "addresses");
    parlor_str list[8];
    size_t count = 0;
    const cJSON *address = NULL;
    cJSON_ArrayForEach(address, addresses) {
        if (count < 8) {
            list[count++] = parlor_str_of(address->valuestring);
        }
    }
    const parlor_engine_config engine_config = {
        .struct_size = sizeof engine_config, .bind_addresses = list, .bind_address_count = count};
    const parlor_status status = parlor_engine_create(&engine_config, &engine);
    if (status != PARLOR_STATUS_OK) {
        return status;
    }
    const parlor_session_config config = {.struct_size = sizeof config,
                                          .url = optional(string(command, "url")),
                                          .credential_kind = api_key != NULL ? PARLOR_CREDENTIAL_API_KEY
                                                             : token != NULL ? PARLOR_CREDENTIAL_TOKEN
                                                                             : PARLOR_CREDENTIAL_TOKEN_ON_DEMAND,
                                          .credential = optional(api_key != NULL ? api_key : token),
                                          .include_sender_metadata =
                                              cJSON_IsTrue(field(command, "include_sender_metadata")),
                                          .engine = engine};
    const parlor_listener listener = {.struct_size = sizeof listener, .on_event = on_event};
    return parlor_session_create(&config, &listener, &session);
}

/* Answers with the request that was started. */
static parlor_status started(parlor_status status, uint64_t request, cJSON **value) {
    *value = cJSON_CreateNumber((double)request);
    return status;
}

static parlor_status join(const cJSON *command, cJSON **value) {
    uint64_t request = 0;
    const parlor_status status = parlor_session_join(session, optional(string(command, "channel")), &request);
    return started(status, request, value);
}

static parlor_status leave(const cJSON *command, cJSON **value) {
    (void)command;
    uint64_t request = 0;
    const parlor_status status = parlor_session_leave(session, &request);
    return started(status, request, value);
}

static parlor_status send_message(const cJSON *command, cJSON **value) {
    const char *to = string(command, "to");
    const uint64_t peer = to == NULL ? 0 : peer_of(to);
    if (to != NULL && peer == 0) {
        return PARLOR_STATUS_UNKNOWN_ID;
    }
    char *text = cJSON_PrintUnformatted(field(command, "data"));
    uint64_t request = 0;
    const parlor_status status = parlor_session_send(session, peer, optional(text == NULL ? "null" : text), &request);
    cJSON_free(text);
    return started(status, request, value);
}

static parlor_status close_session(const cJSON *command, cJSON **value) {
    (void)command, (void)value;
    parlor_session_destroy(parlor_session_retain(session));
    return PARLOR_STATUS_OK;
}

static parlor_status provide_token(const cJSON *command, cJSON **value) {
    (void)value;
    return parlor_session_provide_token(session, number(command, "request"), optional(string(command, "token")));
}

static parlor_status add_track(parlor_stream *stream, const char *kind) {
    parlor_status status;
    if (strcmp(kind, "audio") == 0) {
        parlor_audio_source *tone = NULL;
        status = parlor_audio_source_create_tone(TONE_HZ, &tone);
        status = status != PARLOR_STATUS_OK ? status : parlor_stream_add_audio(stream, tone, NULL);
        parlor_audio_source_release(tone);
    } else {
        parlor_video_source *pattern = NULL;
        status = parlor_video_source_create_test_pattern(WIDTH, HEIGHT, RATE, &pattern);
        status = status != PARLOR_STATUS_OK ? status : parlor_stream_add_video(stream, pattern, NULL);
        parlor_video_source_release(pattern);
    }
    return status;
}

static parlor_status add_stream(const cJSON *command, cJSON **value) {
    (void)value;
    parlor_stream *stream = NULL;
    uint64_t id = 0;
    parlor_status status = parlor_stream_create(&stream);
    const cJSON *kind = NULL;
    cJSON_ArrayForEach(kind, field(command, "tracks")) {
        status = status != PARLOR_STATUS_OK ? status : add_track(stream, kind->valuestring);
    }
    const cJSON *object = field(command, "metadata");
    char *metadata = object == NULL ? NULL : cJSON_PrintUnformatted(object);
    status = status != PARLOR_STATUS_OK ? status : parlor_session_add_stream(session, stream, optional(metadata));
    status = status != PARLOR_STATUS_OK ? status : parlor_stream_id(stream, &id);
    if (status == PARLOR_STATUS_OK) {
        put_number(added, string(command, "stream"), (double)id);
    }
    cJSON_free(metadata);
    parlor_stream_release(stream);
    return status;
}

static parlor_status remove_stream(const cJSON *command, cJSON **value) {
    (void)value;
    const char *name = string(command, "stream");
    const parlor_status status = parlor_session_remove_stream(session, number(added, name));
    if (status == PARLOR_STATUS_OK) {
        cJSON_DeleteItemFromObjectCaseSensitive(added, name);
    }
    return status;
}

static parlor_status open_channel(const cJSON *command, cJSON **value) {
    const cJSON *most = field(command, "max_retransmits");
    const parlor_channel_options options = {.struct_size = sizeof options,
                                            .unordered = cJSON_IsFalse(field(command, "ordered")),
                                            .has_max_retransmits = most != NULL,
                                            .max_retransmits = (uint32_t)number(command, "max_retransmits")};
    const char *label = string(command, "label");
    uint64_t channel = 0;
    const parlor_status status = parlor_session_open_channel(session, peer_of(string(command, "to")),
                                                             optional(label), &options, &channel);
    if (status == PARLOR_STATUS_OK) {
        pthread_mutex_lock(&mutex);
        set(channels, channel, cJSON_CreateString(label));
        pthread_mutex_unlock(&mutex);
        *value = cJSON_CreateNumber((double)channel);
    }
    return status;
}

static parlor_status send_on_channel(const cJSON *command, cJSON **value) {
    (void)value;
    const char *text = string(command, "text"), *hex = string(command, "bytes");
    const uint64_t channel = number(command, "channel");
    if (text != NULL) {
        return parlor_session_send_channel(session, channel, (const uint8_t *)text, strlen(text), 0);
    }
    const size_t length = hex == NULL ? 0 : strlen(hex) / 2;
    uint8_t *bytes = calloc(length + 1, 1);
    for (size_t i = 0; i < length; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    const parlor_status status = parlor_session_send_channel(session, channel, bytes, length, 1);
    free(bytes);
    return status;
}

static parlor_status fill_channel(const cJSON *command, cJSON **value) {
    const uint64_t channel = number(command, "channel"), messages = number(command, "messages");
    const size_t length = (size_t)number(command, "bytes");
    uint8_t *text = malloc(length + 1);
    memset(text, 'x', length + 1);
    uint64_t taken = 0;
    parlor_status status = PARLOR_STATUS_OK;
    while (taken < messages && status == PARLOR_STATUS_OK) {
        status = parlor_session_send_channel(session, channel, text, length, 0);
        taken += status == PARLOR_STATUS_OK;
    }
    free(text);
    *value = cJSON_CreateNumber((double)taken);
    return status == PARLOR_STATUS_BUSY ? PARLOR_STATUS_OK : status;
}

static parlor_status close_channel(const cJSON *command, cJSON **value) {
    (void)value;
    return parlor_session_close_channel(session, number(command, "channel"));
}

static parlor_status tell_state(const cJSON *command, cJSON **value) {
    (void)command;
    int32_t state = 0;
    parlor_status status = parlor_session_state(session, &state);
    uint64_t ids[MOST_PEERS];
    size_t count = 0, length = 0;
    char text[TEXT];
    status = status != PARLOR_STATUS_OK ? status : parlor_session_peers(session, ids, MOST_PEERS, &count);
    *value = cJSON_CreateObject();
    put_text(*value, "state", parlor_state_name(state));
    if (parlor_session_peer_id(session, text, sizeof text, &length) == PARLOR_STATUS_OK && length > 0) {
        put(*value, "id", text_of((parlor_str){text, length}));
    } else {
        cJSON_AddNullToObject(*value, "id");
    }
    cJSON *remotes = cJSON_AddArrayToObject(*value, "remotes");
    for (size_t i = 0; i < count; i++) {
        int32_t peer_state = 0;
        if (parlor_session_peer_state(session, ids[i], &peer_state) == PARLOR_STATUS_OK &&
            parlor_session_peer_wire_id(session, ids[i], text, sizeof text, &length) == PARLOR_STATUS_OK) {
            cJSON *remote = cJSON_CreateObject();
            put(remote, "id", text_of((parlor_str){text, length}));
            put_text(remote, "state", parlor_peer_state_name(peer_state));
            put_number(remote, "object", (double)ids[i]);
            cJSON_AddItemToArray(remotes, remote);
        }
    }
    return status;
}

/* The counts; the longest pause starts anew. */
static parlor_status tell_received(const cJSON *command, cJSON **value) {
    received *from = received_of(string(command, "peer"));
    *value = cJSON_CreateObject();
    pthread_mutex_lock(&from->mutex);
    put_number(*value, "video", (double)from->pictures);
    put_number(*value, "audio", (double)from->packets);
    put_number(*value, "loud", (double)from->loud);
    put_number(*value, "longestPauseMs", floor(from->longest_pause));
    cJSON *first = from->pictures == 0 ? cJSON_CreateNull() : cJSON_CreateNumber(from->first_picture);
    cJSON_AddItemToObject(*value, "firstPictureAt", first);
    from->longest_pause = 0;
    pthread_mutex_unlock(&from->mutex);
    return PARLOR_STATUS_OK;
}

static parlor_status tell_peer_stats(const cJSON *command, cJSON **value) {
    parlor_peer_stats stats = {.struct_size = sizeof stats};
    const parlor_status status = parlor_session_peer_stats(session, peer_of(string(command, "peer")), &stats);
    *value = cJSON_CreateObject();
    cJSON *round_trip =
        stats.round_trip_us == 0 ? cJSON_CreateNull() : cJSON_CreateNumber((double)stats.round_trip_us / 1000);
    cJSON_AddItemToObject(*value, "roundTripMs", round_trip);
    put_number(*value, "bytesSent", (double)stats.bytes_sent);
    put_number(*value, "bytesReceived", (double)stats.bytes_received);
    put_number(*value, "packetsReceived", (double)stats.packets_received);
    put_number(*value, "packetsLost", (double)stats.packets_lost);
    return status;
}

static parlor_status tell_track_stats(const cJSON *command, cJSON **value) {
    (void)command;
    pthread_mutex_lock(&mutex);
    cJSON *known = cJSON_Duplicate(tracks, true);
    pthread_mutex_unlock(&mutex);
    *value = cJSON_CreateArray();
    parlor_status status = PARLOR_STATUS_OK;
    const cJSON *track = NULL;
    cJSON_ArrayForEach(track, known) {
        const uint64_t id = strtoull(track->string, NULL, 10);
        parlor_track_stats stats = {.struct_size = sizeof stats};
        if (status == PARLOR_STATUS_OK) {
            status = parlor_session_track_stats(session, id, &stats);
        }
        cJSON *told = cJSON_CreateObject();
        put(told, "peer", cJSON_Duplicate(field(track, "peer"), true));
        put_number(told, "track", (double)id);
        put(told, "kind", stats.media_kind == 0 ? NULL : cJSON_CreateString(kind_name(stats.media_kind)));
        put(told, "codec", stats.codec == 0 ? NULL : cJSON_CreateString(parlor_codec_name(stats.codec)));
        put_number(told, "framesDecoded", (double)stats.frames_decoded);
        put_number(told, "freezes", (double)stats.freezes);
        put_number(told, "packetsReceived", (double)stats.packets_received);
        put_number(told, "packetsLost", (double)stats.packets_lost);
        put_number(told, "levelDbfs", stats.level_dbfs);
        cJSON_AddItemToArray(*value, told);
    }
    cJSON_Delete(known);
    return status;
}

static const struct {
    const char *name;
    parlor_status (*carry_out)(const cJSON *command, cJSON **value);
} calls[] = {
    {"create", create},
    {"provide-token", provide_token},
    {"join", join},
    {"leave", leave},
    {"close", close_session},
    {"add-stream", add_stream},
    {"remove-stream", remove_stream},
    {"send", send_message},
    {"open-channel", open_channel},
    {"send-on-channel", send_on_channel},
    {"fill-channel", fill_channel},
    {"close-channel", close_channel},
    {"state", tell_state},
    {"received", tell_received},
    {"peer-stats", tell_peer_stats},
    {"track-stats", tell_track_stats},
};

static void answer(const cJSON *command) {
    cJSON *line = cJSON_CreateObject(), *value = NULL;
    put_number(line, "id", (double)number(command, "id"));
    parlor_status status = PARLOR_STATUS_INVALID_ARGUMENT;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (strcmp(calls[i].name, string(command, "call")) == 0) {
            status = calls[i].carry_out(command, &value);
        }
    }
    if (status == PARLOR_STATUS_OK) {
        cJSON_AddItemToObject(line, "value", value == NULL ? cJSON_CreateNull() : value);
    } else {
        cJSON_Delete(value);
        put(line, "error", code(status));
        put_text(line, "message", parlor_last_error_message());
    }
    write_line(line);
}

int main(void) {
    peers = cJSON_CreateObject();
    streams = cJSON_CreateObject();
    channels = cJSON_CreateObject();
    tracks = cJSON_CreateObject();
    added = cJSON_CreateObject();
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        cJSON *command = cJSON_Parse(line);
        if (string(command, "call") == NULL) {
            fprintf(stderr, "not a command: %s", line);
            return 1;
        }
        answer(command);
        cJSON_Delete(command);
    }
    free(line);
    parlor_session_destroy(session);
    parlor_engine_release(engine);
    cJSON_Delete(peers);
    cJSON_Delete(streams);
    cJSON_Delete(channels);
    cJSON_Delete(tracks);
    cJSON_Delete(added);
    return 0;
}
