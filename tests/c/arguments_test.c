/* Every function with arguments that it must refuse: NULL, wrong sizes, unknown enums, broken text. */
#include "observer.h"

#include <stdint.h>

#define NULL_POINTER PARLOR_STATUS_NULL_POINTER
#define UNSUPPORTED PARLOR_STATUS_UNSUPPORTED_FIELD
#define INVALID PARLOR_STATUS_INVALID_ARGUMENT

static const parlor_str NO_TEXT = {NULL, 0};
static const uint64_t NO_ID = UINT64_MAX;

/* What an out-parameter holds before a call that fails, and must hold after it. */
#define UNTOUCHED ((void *)(uintptr_t)0x5a5a5a5a)

static parlor_session *session;
static parlor_stream *stream;
static parlor_video_source *video;
static parlor_audio_source *audio;
static parlor_video_frame *frame;
static observer events;

/* A struct with room behind it, to pose as one of a newer header. */
typedef struct grown {
    union {
        parlor_session_config config;
        parlor_engine_config engine;
        parlor_ice_server ice_server;
        parlor_listener listener;
        parlor_video_planes planes;
        parlor_encoded_frame encoded;
        parlor_encoded_observer observer;
        parlor_video_sink video_sink;
        parlor_audio_sink audio_sink;
        parlor_log_sink log_sink;
        parlor_channel_options channel_options;
        parlor_peer_stats peer_stats;
        parlor_track_stats track_stats;
        parlor_live_objects live_objects;
        size_t struct_size;
        unsigned char bytes[512];
    } as;
} grown;

typedef parlor_status (*take_struct)(grown *given);

/* Checks what becomes of a struct of every size. `as_it_is` is what a valid one gives. */
static void check_sizes(const char *name, take_struct take, grown valid, parlor_status as_it_is) {
    const size_t size = valid.as.struct_size;
    const size_t refused[] = {0, 1, sizeof(size_t), size - 1, size - sizeof(size_t), SIZE_MAX, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        grown given = valid;
        given.as.struct_size = refused[i];
        if (take(&given) != UNSUPPORTED) {
            fprintf(stderr, "%s took a struct_size of %zu\n", name, refused[i]);
            exit(1);
        }
    }
    grown newer = valid;
    newer.as.struct_size = size + 24;
    memset(newer.as.bytes + size, 0, 24);
    if (take(&newer) != as_it_is) {
        fprintf(stderr, "%s refused a newer struct whose new fields are unused\n", name);
        exit(1);
    }
}

/* Checks that a struct in which a newer field is used is refused. */
static void check_newer_field(const char *name, take_struct take, grown valid) {
    const size_t size = valid.as.struct_size;
    valid.as.struct_size = size + 24;
    memset(valid.as.bytes + size, 0, 24);
    valid.as.bytes[size + 23] = 1;
    if (take(&valid) != UNSUPPORTED) {
        fprintf(stderr, "%s ignored a field that it does not know\n", name);
        exit(1);
    }
}

static void on_nothing(void *userdata) { (void)userdata; }
static void on_event(void *userdata, const parlor_event *event) { (void)userdata, (void)event; }
static void on_frame(void *userdata, const parlor_video_frame *got) { (void)userdata, (void)got; }
static void on_sound(void *userdata, const parlor_audio_frame *got) { (void)userdata, (void)got; }
static void on_line(void *userdata, int32_t level, parlor_str target, parlor_str message) {
    (void)userdata, (void)level, (void)target, (void)message;
}

static parlor_listener silent_listener(void) {
    parlor_listener listener;
    memset(&listener, 0, sizeof listener);
    listener.struct_size = sizeof listener;
    listener.on_event = on_event;
    return listener;
}

static parlor_status create_session(const parlor_session_config *config, const parlor_listener *listener) {
    parlor_session *created = UNTOUCHED;
    const parlor_status status = parlor_session_create(config, listener, &created);
    if (status == PARLOR_STATUS_OK) {
        parlor_session_destroy(created);
    } else {
        CHECK((void *)created == UNTOUCHED);
    }
    return status;
}

static parlor_status take_config(grown *given) {
    const parlor_listener listener = silent_listener();
    return create_session(&given->as.config, &listener);
}

static parlor_status take_listener(grown *given) {
    const parlor_session_config config = key_config(NO_SERVER, "pk");
    return create_session(&config, &given->as.listener);
}

static parlor_status take_ice_server(grown *given) {
    parlor_session_config config = key_config(NO_SERVER, "pk");
    const parlor_listener listener = silent_listener();
    config.ice_servers = &given->as.ice_server;
    config.ice_server_count = 1;
    return create_session(&config, &listener);
}

static parlor_status take_engine_config(grown *given) {
    parlor_engine *engine = UNTOUCHED;
    const parlor_status status = parlor_engine_create(&given->as.engine, &engine);
    if (status == PARLOR_STATUS_OK) {
        parlor_engine_release(engine);
    }
    return status;
}

static parlor_status take_planes(grown *given) {
    parlor_video_frame *made = UNTOUCHED;
    const parlor_status status = parlor_video_frame_create(&given->as.planes, &made);
    if (status == PARLOR_STATUS_OK) {
        parlor_video_frame_unref(made);
    } else {
        CHECK((void *)made == UNTOUCHED);
    }
    return status;
}

static parlor_status push_planes(grown *given) { return parlor_video_source_push_planes(video, &given->as.planes); }

static parlor_status take_encoded(grown *given) {
    return parlor_video_source_push_encoded(video, &given->as.encoded);
}

static parlor_status take_packet(grown *given) {
    return parlor_audio_source_push_encoded(audio, &given->as.encoded);
}

static parlor_status take_observer(grown *given) {
    parlor_video_source *made = UNTOUCHED;
    const parlor_status status =
        parlor_video_source_create_encoded(PARLOR_CODEC_VP8, &given->as.observer, &made);
    if (status == PARLOR_STATUS_OK) {
        parlor_video_source_release(made);
    }
    return status;
}

static parlor_status take_video_sink(grown *given) {
    return parlor_session_set_video_sink(session, NO_ID, &given->as.video_sink);
}

static parlor_status take_audio_sink(grown *given) {
    return parlor_session_set_audio_sink(session, NO_ID, &given->as.audio_sink);
}

static parlor_status take_log_sink(grown *given) {
    const parlor_status status = parlor_log_set_sink(&given->as.log_sink);
    CHECK_OK(parlor_log_set_sink(NULL));
    return status;
}

static parlor_status take_channel_options(grown *given) {
    uint64_t channel = 0;
    return parlor_session_open_channel(session, NO_ID, parlor_str_of("x"), &given->as.channel_options, &channel);
}

static parlor_status take_peer_stats(grown *given) {
    return parlor_session_peer_stats(session, NO_ID, &given->as.peer_stats);
}

static parlor_status take_live_objects(grown *given) { return parlor_live_objects_get(&given->as.live_objects); }

static parlor_status take_track_stats(grown *given) {
    return parlor_session_track_stats(session, NO_ID, &given->as.track_stats);
}

static const uint8_t PIXELS[16];

static grown valid_planes(void) {
    grown given;
    memset(&given, 0, sizeof given);
    given.as.planes.struct_size = sizeof given.as.planes;
    given.as.planes.format = PARLOR_PIXEL_FORMAT_RGBA;
    given.as.planes.plane_count = 1;
    given.as.planes.width = 2;
    given.as.planes.height = 2;
    given.as.planes.planes[0].data = PIXELS;
    given.as.planes.planes[0].size = sizeof PIXELS;
    given.as.planes.planes[0].stride = 8;
    return given;
}

static void structs_are_taken_by_size(void) {
    grown given;
#define CHECK_STRUCT(field, take, as_it_is)                                                                  \
    do {                                                                                                     \
        given.as.struct_size = sizeof given.as.field;                                                        \
        check_sizes(#take, take, given, as_it_is);                                                           \
        check_newer_field(#take, take, given);                                                               \
        memset(&given, 0, sizeof given);                                                                     \
    } while (0)

    memset(&given, 0, sizeof given);
    given.as.config = key_config(NO_SERVER, "pk");
    CHECK_STRUCT(config, take_config, PARLOR_STATUS_OK);
    given.as.listener.on_event = on_event;
    CHECK_STRUCT(listener, take_listener, PARLOR_STATUS_OK);
    const parlor_str url = parlor_str_of("stun:127.0.0.1:9");
    given.as.ice_server.urls = &url;
    given.as.ice_server.url_count = 1;
    CHECK_STRUCT(ice_server, take_ice_server, PARLOR_STATUS_OK);
    CHECK_STRUCT(engine, take_engine_config, PARLOR_STATUS_OK);
    given = valid_planes();
    CHECK_STRUCT(planes, take_planes, PARLOR_STATUS_OK);
    given = valid_planes();
    CHECK_STRUCT(planes, push_planes, PARLOR_STATUS_OK);
    given.as.encoded.codec = PARLOR_CODEC_VP8;
    given.as.encoded.data = PIXELS;
    given.as.encoded.size = 1;
    CHECK_STRUCT(encoded, take_encoded, PARLOR_STATUS_INVALID_STATE);
    given.as.encoded.codec = PARLOR_CODEC_OPUS;
    given.as.encoded.data = PIXELS;
    given.as.encoded.size = 1;
    CHECK_STRUCT(encoded, take_packet, PARLOR_STATUS_INVALID_STATE);
    given.as.observer.on_keyframe_request = on_nothing;
    CHECK_STRUCT(observer, take_observer, PARLOR_STATUS_OK);
    given.as.video_sink.on_frame = on_frame;
    CHECK_STRUCT(video_sink, take_video_sink, PARLOR_STATUS_UNKNOWN_ID);
    given.as.audio_sink.on_frame = on_sound;
    CHECK_STRUCT(audio_sink, take_audio_sink, PARLOR_STATUS_UNKNOWN_ID);
    given.as.log_sink.level = PARLOR_LOG_LEVEL_ERROR;
    given.as.log_sink.on_line = on_line;
    CHECK_STRUCT(log_sink, take_log_sink, PARLOR_STATUS_OK);
    CHECK_STRUCT(channel_options, take_channel_options, PARLOR_STATUS_UNKNOWN_ID);

    /* What the library fills may be larger than it knows, whatever is in it. */
    given.as.struct_size = sizeof given.as.peer_stats;
    check_sizes("peer_stats", take_peer_stats, given, PARLOR_STATUS_UNKNOWN_ID);
    given.as.struct_size = sizeof given.as.track_stats;
    check_sizes("track_stats", take_track_stats, given, PARLOR_STATUS_UNKNOWN_ID);
    given.as.struct_size = sizeof given.as.live_objects;
    check_sizes("live_objects", take_live_objects, given, PARLOR_STATUS_OK);
}

static void null_handles_are_refused(void) {
    uint64_t id = 0;
    int32_t number = 0;
    size_t length = 0;
    double db = 0;
    char text[8];
    uint8_t bytes[8];
    parlor_plane plane;
    parlor_peer_stats peer_stats = {.struct_size = sizeof peer_stats};
    parlor_track_stats track_stats = {.struct_size = sizeof track_stats};
    const grown planes = valid_planes();
    const parlor_encoded_frame encoded = {.struct_size = sizeof encoded, .codec = PARLOR_CODEC_VP8};
    const parlor_str word = parlor_str_of("word");
    const int16_t short_samples[2] = {0};
    const float float_samples[2] = {0};

    CHECK_STATUS(NULL_POINTER, parlor_session_join(NULL, word, &id));
    CHECK_STATUS(NULL_POINTER, parlor_session_leave(NULL, &id));
    CHECK_STATUS(NULL_POINTER, parlor_session_add_stream(NULL, stream, NO_TEXT));
    CHECK_STATUS(NULL_POINTER, parlor_session_add_stream(session, NULL, NO_TEXT));
    CHECK_STATUS(NULL_POINTER, parlor_session_remove_stream(NULL, 1));
    CHECK_STATUS(NULL_POINTER, parlor_session_send(NULL, 0, word, &id));
    CHECK_STATUS(NULL_POINTER, parlor_session_open_channel(NULL, 1, word, NULL, &id));
    CHECK_STATUS(NULL_POINTER, parlor_session_open_channel(session, 1, word, NULL, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_send_channel(NULL, 1, bytes, sizeof bytes, 1));
    CHECK_STATUS(NULL_POINTER, parlor_session_send_channel(session, 1, NULL, 1, 1));
    CHECK_STATUS(NULL_POINTER, parlor_session_close_channel(NULL, 1));
    CHECK_STATUS(NULL_POINTER, parlor_session_channel_buffered_amount(NULL, 1, &length));
    CHECK_STATUS(NULL_POINTER, parlor_session_channel_buffered_amount(session, 1, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_provide_token(NULL, 1, word));
    CHECK_STATUS(NULL_POINTER, parlor_session_network_changed(NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_set_video_sink(NULL, 1, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_set_audio_sink(NULL, 1, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_record(NULL, 1, parlor_str_of("x.wav")));
    CHECK_STATUS(NULL_POINTER, parlor_session_state(NULL, &number));
    CHECK_STATUS(NULL_POINTER, parlor_session_peer_id(NULL, text, sizeof text, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_peers(NULL, &id, 1, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_peer_state(NULL, 1, &number));
    CHECK_STATUS(NULL_POINTER, parlor_session_peer_wire_id(NULL, 1, text, sizeof text, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_peer_metadata(NULL, 1, text, sizeof text, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_peer_stats(NULL, 1, &peer_stats));
    CHECK_STATUS(NULL_POINTER, parlor_session_track_stats(NULL, 1, &track_stats));
    CHECK_STATUS(NULL_POINTER, parlor_stream_id(NULL, &id));
    CHECK_STATUS(NULL_POINTER, parlor_stream_add_video(NULL, video, &id));
    CHECK_STATUS(NULL_POINTER, parlor_stream_add_video(stream, NULL, &id));
    CHECK_STATUS(NULL_POINTER, parlor_stream_add_audio(NULL, audio, &id));
    CHECK_STATUS(NULL_POINTER, parlor_stream_add_audio(stream, NULL, &id));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_push(NULL, frame));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_push(video, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_push_planes(NULL, &planes.as.planes));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_push_planes(video, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_push_encoded(NULL, &encoded));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_push_encoded(video, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_frames(NULL, &id));
    CHECK_STATUS(NULL_POINTER, parlor_audio_source_push_i16(NULL, short_samples, 2, 48000, 2, 0));
    CHECK_STATUS(NULL_POINTER, parlor_audio_source_push_i16(audio, NULL, 2, 48000, 2, 0));
    CHECK_STATUS(NULL_POINTER, parlor_audio_source_push_f32(NULL, float_samples, 2, 48000, 2, 0));
    CHECK_STATUS(NULL_POINTER, parlor_audio_source_push_f32(audio, NULL, 2, 48000, 2, 0));
    CHECK_STATUS(NULL_POINTER, parlor_audio_source_push_encoded(NULL, &encoded));
    CHECK_STATUS(NULL_POINTER, parlor_audio_source_push_encoded(audio, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_frame_plane(NULL, 0, &plane));
    CHECK_STATUS(NULL_POINTER,
                 parlor_video_frame_convert(NULL, PARLOR_PIXEL_FORMAT_RGBA, bytes, sizeof bytes, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_frame_write_png(NULL, parlor_str_of("x.png")));
    CHECK_STATUS(NULL_POINTER, parlor_reference_psnr(NULL, frame, &db));

    CHECK(parlor_session_retain(NULL) == NULL);
    CHECK(parlor_video_frame_ref(NULL) == NULL);
    CHECK(parlor_video_frame_kind(NULL) == 0 && parlor_video_frame_format(NULL) == 0);
    CHECK(parlor_video_frame_width(NULL) == 0 && parlor_video_frame_height(NULL) == 0);
    CHECK(parlor_video_frame_timestamp_us(NULL) == 0);
    CHECK(parlor_str_of(NULL).data == NULL && parlor_str_of(NULL).len == 0);

    parlor_session_release(NULL);
    parlor_session_destroy(NULL);
    parlor_stream_release(NULL);
    parlor_video_source_release(NULL);
    parlor_audio_source_release(NULL);
    parlor_video_frame_unref(NULL);
    parlor_reference_release(NULL);
    parlor_engine_release(NULL);
}

static void null_out_parameters_are_refused(void) {
    const parlor_session_config config = key_config(NO_SERVER, "pk");
    const parlor_listener listener = silent_listener();
    const grown planes = valid_planes();
    const parlor_encoded_observer observer = {.struct_size = sizeof observer, .on_keyframe_request = on_nothing};
    const parlor_str path = parlor_str_of("no-such-file.ivf");

    CHECK_STATUS(NULL_POINTER, parlor_session_create(&config, &listener, NULL));
    CHECK_STATUS(NULL_POINTER, create_session(NULL, &listener));
    CHECK_STATUS(NULL_POINTER, create_session(&config, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_engine_create(NULL, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_stream_create(NULL));
    CHECK_STATUS(NULL_POINTER, parlor_stream_id(stream, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_create(NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_create_encoded(PARLOR_CODEC_VP8, &observer, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_create_test_pattern(64, 64, 30, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_create_from_file(path, PARLOR_FILE_MODE_DECODE, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_source_frames(video, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_audio_source_create(1, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_audio_source_create_encoded(NULL));
    CHECK_STATUS(NULL_POINTER, parlor_audio_source_create_tone(440, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_audio_source_create_from_file(path, PARLOR_FILE_MODE_DECODE, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_frame_create(&planes.as.planes, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_frame_plane(frame, 0, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_video_frame_convert(frame, PARLOR_PIXEL_FORMAT_RGBA, NULL, 16, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_reference_create_from_file(path, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_reference_create_test_pattern(64, 64, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_state(session, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_peer_state(session, NO_ID, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_peer_stats(session, NO_ID, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_track_stats(session, NO_ID, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_peers(session, NULL, 1, NULL));
}

static void callbacks_that_must_be_there_are_missed(void) {
    grown given;
    memset(&given, 0, sizeof given);
    given.as.struct_size = sizeof given.as.listener;
    CHECK_STATUS(NULL_POINTER, take_listener(&given));
    given.as.struct_size = sizeof given.as.observer;
    CHECK_STATUS(NULL_POINTER, take_observer(&given));
    given.as.struct_size = sizeof given.as.video_sink;
    CHECK_STATUS(NULL_POINTER, take_video_sink(&given));
    given.as.struct_size = sizeof given.as.audio_sink;
    CHECK_STATUS(NULL_POINTER, take_audio_sink(&given));
    given.as.struct_size = sizeof given.as.log_sink;
    given.as.log_sink.level = PARLOR_LOG_LEVEL_INFO;
    CHECK_STATUS(NULL_POINTER, take_log_sink(&given));
}

static void numbers_that_are_no_enum_s_are_refused(void) {
    static const int32_t NONE[] = {0, -1, 99, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++) {
        const int32_t none = NONE[i];
        const parlor_listener listener = silent_listener();
        parlor_session_config config = key_config(NO_SERVER, "pk");
        config.credential_kind = none;
        CHECK_STATUS(INVALID, create_session(&config, &listener));
        config = key_config(NO_SERVER, "pk");
        config.video_codecs = &none;
        config.video_codec_count = 1;
        CHECK_STATUS(PARLOR_STATUS_UNSUPPORTED_CODEC, create_session(&config, &listener));

        grown given = valid_planes();
        given.as.planes.format = none;
        CHECK_STATUS(INVALID, take_planes(&given));
        CHECK_STATUS(INVALID, parlor_video_frame_convert(frame, none, NULL, 0, NULL));

        parlor_video_source *source = UNTOUCHED;
        const parlor_str path = parlor_str_of("no-such-file.ivf");
        const parlor_encoded_observer observer = {.struct_size = sizeof observer,
                                                  .on_keyframe_request = on_nothing};
        CHECK_STATUS(INVALID, parlor_video_source_create_from_file(path, none, &source));
        CHECK_STATUS(PARLOR_STATUS_UNSUPPORTED_CODEC,
                     parlor_video_source_create_encoded(none, &observer, &source));
        CHECK((void *)source == UNTOUCHED);
        parlor_audio_source *sound = UNTOUCHED;
        CHECK_STATUS(INVALID, parlor_audio_source_create_from_file(path, none, &sound));
        CHECK((void *)sound == UNTOUCHED);

        memset(&given, 0, sizeof given);
        given.as.encoded.struct_size = sizeof given.as.encoded;
        given.as.encoded.codec = none;
        CHECK_STATUS(PARLOR_STATUS_UNSUPPORTED_CODEC, take_encoded(&given));

        memset(&given, 0, sizeof given);
        given.as.log_sink.struct_size = sizeof given.as.log_sink;
        given.as.log_sink.level = none;
        given.as.log_sink.on_line = on_line;
        CHECK_STATUS(INVALID, take_log_sink(&given));

        CHECK(strcmp(parlor_event_type_name(none), "unknown") == 0);
        CHECK(strcmp(parlor_state_name(none), "unknown") == 0);
        CHECK(strcmp(parlor_peer_state_name(none), "unknown") == 0);
        CHECK(strcmp(parlor_codec_name(none), "unknown") == 0);
    }
    const int32_t sound_codec = PARLOR_CODEC_OPUS;
    const parlor_listener listener = silent_listener();
    parlor_session_config config = key_config(NO_SERVER, "pk");
    config.video_codecs = &sound_codec;
    config.video_codec_count = 1;
    CHECK_STATUS(PARLOR_STATUS_UNSUPPORTED_CODEC, create_session(&config, &listener));
    config = key_config(NO_SERVER, "pk");
    config.include_sender_metadata = 2;
    CHECK_STATUS(INVALID, create_session(&config, &listener));
    CHECK(strcmp(parlor_status_name(PARLOR_STATUS_OK), "ok") == 0);
    CHECK(strcmp(parlor_status_name(PARLOR_STATUS_INTERNAL), "internal") == 0);
    CHECK(strcmp(parlor_event_type_name(PARLOR_EVENT_PEER_JOINED), "peer-joined") == 0);
}

static void texts_must_be_there_utf8_and_well_formed(void) {
    const parlor_str broken = {"\xff\xfe", 2};
    const parlor_str nowhere = {NULL, 3};
    const parlor_str endless = {"x", SIZE_MAX};
    const parlor_listener listener = silent_listener();
    parlor_session_config config = key_config(NO_SERVER, "pk");

    CHECK_STATUS(PARLOR_STATUS_INVALID_UTF8, parlor_session_join(session, broken, NULL));
    CHECK_STATUS(NULL_POINTER, parlor_session_join(session, nowhere, NULL));
    CHECK_STATUS(INVALID, parlor_session_join(session, endless, NULL));
    CHECK_STATUS(INVALID, parlor_session_join(session, NO_TEXT, NULL));
    CHECK_STATUS(PARLOR_STATUS_INVALID_UTF8, parlor_session_send(session, 0, broken, NULL));
    CHECK_STATUS(INVALID, parlor_session_send(session, 0, parlor_str_of("no json"), NULL));
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID, parlor_session_send(session, NO_ID, parlor_str_of("{}"), NULL));
    uint64_t channel = 0;
    CHECK_STATUS(PARLOR_STATUS_INVALID_UTF8, parlor_session_open_channel(session, NO_ID, broken, NULL, &channel));
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID, parlor_session_open_channel(session, NO_ID, NO_TEXT, NULL, &channel));
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID, parlor_session_send_channel(session, NO_ID, NULL, 0, 0));
    CHECK_STATUS(INVALID, parlor_session_send_channel(session, NO_ID, NULL, 0, 2));
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID, parlor_session_close_channel(session, NO_ID));
    CHECK(channel == 0);
    CHECK_STATUS(PARLOR_STATUS_INVALID_UTF8, parlor_session_provide_token(session, 1, broken));
    CHECK_STATUS(INVALID, parlor_session_add_stream(session, stream, parlor_str_of("[]")));
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID, parlor_session_remove_stream(session, NO_ID));
    config.url = parlor_str_of("http//nonsense");
    CHECK_STATUS(INVALID, create_session(&config, &listener));
    config = key_config("", "pk");
    CHECK_STATUS(INVALID, create_session(&config, &listener));
    config = key_config(NO_SERVER, "");
    CHECK_STATUS(INVALID, create_session(&config, &listener));
    config = key_config(NO_SERVER, "pk");
    config.credential_kind = PARLOR_CREDENTIAL_TOKEN_ON_DEMAND;
    CHECK_STATUS(INVALID, create_session(&config, &listener));

    parlor_video_source *source = UNTOUCHED;
    parlor_reference *reference = UNTOUCHED;
    CHECK_STATUS(INVALID, parlor_video_source_create_from_file(NO_TEXT, PARLOR_FILE_MODE_DECODE, &source));
    CHECK_STATUS(PARLOR_STATUS_MEDIA_FILE,
                 parlor_video_source_create_from_file(parlor_str_of("/no/such/file.ivf"),
                                                      PARLOR_FILE_MODE_DECODE, &source));
    CHECK((void *)source == UNTOUCHED);
    CHECK_STATUS(PARLOR_STATUS_MEDIA_FILE,
                 parlor_reference_create_from_file(parlor_str_of("/no/such/file.ivf"), &reference));
    CHECK((void *)reference == UNTOUCHED);
    CHECK_STATUS(PARLOR_STATUS_INVALID_UTF8, parlor_video_frame_write_png(frame, broken));
    CHECK_STATUS(PARLOR_STATUS_MEDIA_FILE,
                 parlor_video_frame_write_png(frame, parlor_str_of("/no/such/folder/x.png")));
    CHECK_STATUS(INVALID, parlor_session_record(session, NO_ID, parlor_str_of("call.mp3")));
    CHECK(strlen(parlor_last_error_message()) > 0);
}

static void media_out_of_range_is_refused(void) {
    parlor_video_source *source = UNTOUCHED;
    parlor_audio_source *sound = UNTOUCHED;
    const int16_t samples[3] = {0};
    const float floats[3] = {0};
    CHECK_STATUS(INVALID, parlor_video_source_create_test_pattern(0, 64, 30, &source));
    CHECK_STATUS(INVALID, parlor_video_source_create_test_pattern(64, 64, 0, &source));
    CHECK_STATUS(INVALID, parlor_audio_source_create(0, &sound));
    CHECK_STATUS(INVALID, parlor_audio_source_create(65537, &sound));
    CHECK_STATUS(INVALID, parlor_audio_source_create_tone(1.0F, &sound));
    CHECK((void *)source == UNTOUCHED && (void *)sound == UNTOUCHED);
    CHECK_STATUS(PARLOR_STATUS_INVALID_FRAME, parlor_audio_source_push_i16(audio, samples, 3, 48000, 2, 0));
    CHECK_STATUS(PARLOR_STATUS_INVALID_FRAME, parlor_audio_source_push_f32(audio, floats, 2, 8000, 2, 0));

    grown given = valid_planes();
    given.as.planes.planes[0].size = 15;
    CHECK_STATUS(PARLOR_STATUS_INVALID_FRAME, take_planes(&given));
    given = valid_planes();
    given.as.planes.planes[0].stride = SIZE_MAX;
    CHECK_STATUS(PARLOR_STATUS_INVALID_FRAME, take_planes(&given));
    given = valid_planes();
    given.as.planes.plane_count = 4;
    CHECK_STATUS(PARLOR_STATUS_INVALID_FRAME, take_planes(&given));
    given = valid_planes();
    given.as.planes.width = 0;
    CHECK_STATUS(PARLOR_STATUS_INVALID_FRAME, take_planes(&given));
    given = valid_planes();
    given.as.planes.planes[0].data = NULL;
    CHECK_STATUS(NULL_POINTER, push_planes(&given));

    parlor_plane plane;
    CHECK_STATUS(INVALID, parlor_video_frame_plane(frame, 1, &plane));
    double db = -1;
    parlor_reference *reference = NULL;
    CHECK_STATUS(INVALID, parlor_reference_create_test_pattern(0, 64, &reference));
    CHECK_OK(parlor_reference_create_test_pattern(64, 64, &reference));
    CHECK_STATUS(NULL_POINTER, parlor_reference_psnr(reference, NULL, &db));
    CHECK_STATUS(NULL_POINTER, parlor_reference_psnr(reference, frame, NULL));
    CHECK_STATUS(PARLOR_STATUS_INVALID_FRAME, parlor_reference_psnr(reference, frame, &db));
    CHECK(db == -1);
    parlor_reference_release(reference);
}

static void ids_that_nobody_has_are_unknown(void) {
    int32_t state = -1;
    char text[8] = "before";
    size_t length = 7;
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID, parlor_session_peer_state(session, NO_ID, &state));
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID,
                 parlor_session_peer_wire_id(session, NO_ID, text, sizeof text, &length));
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID,
                 parlor_session_peer_metadata(session, NO_ID, text, sizeof text, &length));
    CHECK_STATUS(PARLOR_STATUS_INVALID_STATE, parlor_session_peer_id(session, text, sizeof text, &length));
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID, parlor_session_set_video_sink(session, NO_ID, NULL));
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID, parlor_session_set_audio_sink(session, NO_ID, NULL));
    CHECK(state == -1 && length == 7 && strcmp(text, "before") == 0);
    CHECK_OK(parlor_session_peers(session, NULL, 0, &length));
    CHECK(length == 0);
}

int main(void) {
    const parlor_session_config config = key_config(NO_SERVER, "pk");
    observer_init(&events);
    const parlor_listener listener = observer_listener(&events);
    const grown planes = valid_planes();
    CHECK_OK(parlor_session_create(&config, &listener, &session));
    CHECK_OK(parlor_stream_create(&stream));
    CHECK_OK(parlor_video_source_create(&video));
    CHECK_OK(parlor_audio_source_create(2, &audio));
    CHECK_OK(parlor_stream_add_video(stream, video, NULL));
    CHECK_OK(parlor_video_frame_create(&planes.as.planes, &frame));

    structs_are_taken_by_size();
    null_handles_are_refused();
    null_out_parameters_are_refused();
    callbacks_that_must_be_there_are_missed();
    numbers_that_are_no_enum_s_are_refused();
    texts_must_be_there_utf8_and_well_formed();
    media_out_of_range_is_refused();
    ids_that_nobody_has_are_unknown();

    parlor_video_frame_unref(frame);
    parlor_audio_source_release(audio);
    parlor_video_source_release(video);
    parlor_stream_release(stream);
    parlor_session_destroy(session);
    CHECK(events.destroyed == 1);
    observer_end(&events);
    return 0;
}
