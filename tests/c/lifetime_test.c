/* Who owns what and until when: handles, callbacks, userdata, frames. Nobody listens where these sessions connect. */
#include "observer.h"

#include <stdatomic.h>
#include <unistd.h>

static parlor_session *connecting_session(observer *o) {
    const parlor_session_config config = key_config(NO_SERVER, "pk");
    const parlor_listener listener = observer_listener(o);
    parlor_session *session = NULL;
    CHECK_OK(parlor_session_create(&config, &listener, &session));
    return session;
}

static void a_failed_create_leaves_userdata_with_the_app(void) {
    observer o;
    observer_init(&o);
    const parlor_listener listener = observer_listener(&o);
    const parlor_session_config config = key_config("nonsense", "pk");
    parlor_session *session = NULL;
    CHECK_STATUS(PARLOR_STATUS_INVALID_ARGUMENT, parlor_session_create(&config, &listener, &session));
    CHECK(session == NULL && o.destroyed == 0);
    observer_end(&o);
}

static void destroy_ends_the_callbacks_before_it_returns(void) {
    observer o;
    observer_init(&o);
    parlor_session *session = connecting_session(&o);
    CHECK_OK(parlor_session_join(session, parlor_str_of("lobby"), NULL));
    WAIT_FOR(&o, o.events[PARLOR_EVENT_STATE_CHANGE] > 0);
    parlor_session_destroy(session);
    /* No lock: nothing runs any more, which the sanitizers see. */
    CHECK(o.destroyed == 1);
    observer_end(&o);
}

static void destroy_inside(observer *o, const parlor_event *event) {
    if (event->type == PARLOR_EVENT_STATE_CHANGE && o->session != NULL) {
        parlor_session *session = o->session;
        o->session = NULL;
        parlor_session_destroy(session);
        CHECK(o->destroyed == 0);
    }
}

static void a_session_may_be_destroyed_inside_its_own_callback(void) {
    observer o;
    observer_init(&o);
    o.react = destroy_inside;
    o.session = connecting_session(&o);
    CHECK_OK(parlor_session_join(o.session, parlor_str_of("lobby"), NULL));
    WAIT_FOR(&o, o.destroyed == 1);
    CHECK(o.events[PARLOR_EVENT_STATE_CHANGE] == 1);
    observer_end(&o);
}

static void call_all(observer *o, const parlor_event *event) {
    if (event->type != PARLOR_EVENT_STATE_CHANGE || o->context == NULL) {
        return;
    }
    o->context = NULL;
    int32_t state = 0;
    size_t count = 1;
    uint64_t request = 0;
    parlor_stream *stream = NULL;
    parlor_video_source *source = NULL;
    CHECK_OK(parlor_session_state(o->session, &state));
    CHECK(state >= PARLOR_STATE_IDLE && state < PARLOR_STATE_CLOSED);
    CHECK_OK(parlor_session_peers(o->session, NULL, 0, &count));
    CHECK(count == 0);
    CHECK_OK(parlor_stream_create(&stream));
    CHECK_OK(parlor_video_source_create(&source));
    CHECK_OK(parlor_stream_add_video(stream, source, NULL));
    CHECK_OK(parlor_session_add_stream(o->session, stream, parlor_str_of("{\"role\":\"camera\"}")));
    parlor_stream_release(stream);
    parlor_video_source_release(source);
    parlor_session_release(parlor_session_retain(o->session));
    CHECK_OK(parlor_session_leave(o->session, &request));
    CHECK(request != 0);
}

static void every_function_may_be_called_inside_a_callback(void) {
    observer o;
    observer_init(&o);
    o.react = call_all;
    o.session = connecting_session(&o);
    o.context = &o;
    CHECK_OK(parlor_session_join(o.session, parlor_str_of("lobby"), NULL));
    /* The join was overtaken by the leave; both end. */
    WAIT_FOR(&o, o.events[PARLOR_EVENT_REQUEST_DONE] == 2);
    parlor_session_destroy(o.session);
    CHECK(o.destroyed == 1);
    observer_end(&o);
}

static void other_references_answer_closed(void) {
    observer o;
    observer_init(&o);
    parlor_session *session = connecting_session(&o);
    parlor_session *other = parlor_session_retain(session);
    parlor_stream *stream = NULL;
    parlor_video_source *source = NULL;
    CHECK_OK(parlor_stream_create(&stream));
    CHECK_OK(parlor_video_source_create_test_pattern(64, 64, 30, &source));
    CHECK_OK(parlor_stream_add_video(stream, source, NULL));
    parlor_session_destroy(session);
    CHECK(o.destroyed == 1);

    uint64_t request = 7;
    int32_t state = 0;
    parlor_peer_stats peer_stats = {.struct_size = sizeof peer_stats};
    parlor_track_stats track_stats = {.struct_size = sizeof track_stats};
    CHECK_STATUS(PARLOR_STATUS_CLOSED, parlor_session_join(other, parlor_str_of("lobby"), &request));
    CHECK_STATUS(PARLOR_STATUS_CLOSED, parlor_session_leave(other, &request));
    CHECK_STATUS(PARLOR_STATUS_CLOSED, parlor_session_send(other, 0, parlor_str_of("{}"), &request));
    CHECK_STATUS(PARLOR_STATUS_CLOSED, parlor_session_add_stream(other, stream, parlor_str_of("{}")));
    CHECK_STATUS(PARLOR_STATUS_CLOSED, parlor_session_provide_token(other, 1, parlor_str_of("t")));
    CHECK_STATUS(PARLOR_STATUS_CLOSED, parlor_session_network_changed(other));
    CHECK_STATUS(PARLOR_STATUS_CLOSED, parlor_session_set_video_sink(other, 1, NULL));
    CHECK_STATUS(PARLOR_STATUS_CLOSED, parlor_session_set_audio_sink(other, 1, NULL));
    CHECK_STATUS(PARLOR_STATUS_CLOSED, parlor_session_peer_stats(other, 1, &peer_stats));
    CHECK_STATUS(PARLOR_STATUS_CLOSED, parlor_session_track_stats(other, 1, &track_stats));
    CHECK_OK(parlor_session_state(other, &state));
    CHECK(request == 7 && state == PARLOR_STATE_CLOSED);

    parlor_session_release(other);
    parlor_stream_release(stream);
    parlor_video_source_release(source);
    CHECK(o.destroyed == 1);
    observer_end(&o);
}

static void the_last_release_ends_the_session(void) {
    observer o;
    observer_init(&o);
    parlor_session *session = connecting_session(&o);
    parlor_session *other = parlor_session_retain(session);
    parlor_session_release(session);
    CHECK(o.destroyed == 0);
    parlor_session_release(other);
    CHECK(o.destroyed == 1);
    observer_end(&o);
}

static void *use_session(void *given) {
    parlor_session *session = given;
    parlor_status status = PARLOR_STATUS_OK;
    while (status != PARLOR_STATUS_CLOSED) {
        int32_t state = 0;
        size_t count = 0;
        CHECK_OK(parlor_session_state(session, &state));
        CHECK_OK(parlor_session_peers(session, NULL, 0, &count));
        status = parlor_session_set_video_sink(session, 1, NULL);
        CHECK(status == PARLOR_STATUS_UNKNOWN_ID || status == PARLOR_STATUS_CLOSED);
    }
    parlor_session_release(session);
    return NULL;
}

static void a_session_may_be_destroyed_while_others_use_it(void) {
    enum { THREADS = 4 };
    observer o;
    observer_init(&o);
    parlor_session *session = connecting_session(&o);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, use_session, parlor_session_retain(session)) == 0);
    }
    CHECK_OK(parlor_session_join(session, parlor_str_of("lobby"), NULL));
    WAIT_FOR(&o, o.events[PARLOR_EVENT_STATE_CHANGE] > 0);
    parlor_session_destroy(session);
    CHECK(o.destroyed == 1);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    observer_end(&o);
}

static void give_no_token(observer *o, const parlor_event *event) {
    if (event->type == PARLOR_EVENT_TOKEN_NEEDED) {
        CHECK_OK(parlor_session_provide_token(o->session, event->request_id, parlor_str_of("")));
    }
}

static void a_token_is_asked_for_and_may_be_refused(void) {
    observer o;
    observer_init(&o);
    o.react = give_no_token;
    parlor_session_config config = key_config(NO_SERVER, "");
    config.credential_kind = PARLOR_CREDENTIAL_TOKEN_ON_DEMAND;
    const parlor_listener listener = observer_listener(&o);
    CHECK_OK(parlor_session_create(&config, &listener, &o.session));
    CHECK_OK(parlor_session_join(o.session, parlor_str_of("lobby"), NULL));
    /* All that came was answered, that for the token included. */
    WAIT_FOR(&o, o.token_request != 0 && o.reactions >= o.events[PARLOR_EVENT_STATE_CHANGE] + 1);
    parlor_session_destroy(o.session);
    CHECK(o.destroyed == 1);
    observer_end(&o);
}

static void two_engines_and_their_sessions_live_side_by_side(void) {
    observer first, second;
    observer_init(&first);
    observer_init(&second);
    const parlor_str loopback = parlor_str_of("127.0.0.1");
    parlor_engine_config options = {.struct_size = sizeof options,
                                    .bind_addresses = &loopback,
                                    .bind_address_count = 1,
                                    .include_loopback = 1};
    parlor_engine *engine = NULL;
    CHECK_OK(parlor_engine_create(&options, &engine));
    const parlor_str nonsense = parlor_str_of("localhost");
    options.bind_addresses = &nonsense;
    parlor_engine *refused = NULL;
    CHECK_STATUS(PARLOR_STATUS_INVALID_ARGUMENT, parlor_engine_create(&options, &refused));
    CHECK(refused == NULL);

    parlor_session_config config = key_config(NO_SERVER, "pk");
    config.engine = engine;
    const parlor_listener listener = observer_listener(&first);
    parlor_session *own = NULL;
    CHECK_OK(parlor_session_create(&config, &listener, &own));
    parlor_engine_release(engine);
    parlor_session *shared = connecting_session(&second);
    CHECK_OK(parlor_session_join(own, parlor_str_of("lobby"), NULL));
    CHECK_OK(parlor_session_join(shared, parlor_str_of("lobby"), NULL));
    WAIT_FOR(&first, first.events[PARLOR_EVENT_STATE_CHANGE] > 0);
    WAIT_FOR(&second, second.events[PARLOR_EVENT_STATE_CHANGE] > 0);
    parlor_session_destroy(own);
    CHECK(first.destroyed == 1 && second.destroyed == 0);
    parlor_session_destroy(shared);
    CHECK(second.destroyed == 1);
    observer_end(&first);
    observer_end(&second);
}

static atomic_int counter;

static void count(void *userdata) {
    (void)userdata;
    atomic_fetch_add(&counter, 1);
}

static void frames_are_counted_and_lent_pixels_come_back(void) {
    static uint8_t pixels[4 * 2 * 4];
    parlor_video_planes planes = {.struct_size = sizeof planes,
                                  .format = PARLOR_PIXEL_FORMAT_RGBA,
                                  .plane_count = 1,
                                  .width = 4,
                                  .height = 2,
                                  .planes = {{pixels, sizeof pixels, 16}},
                                  .timestamp_us = 1234,
                                  .release = count};
    parlor_video_frame *frame = NULL;
    atomic_store(&counter, 0);
    CHECK_OK(parlor_video_frame_create(&planes, &frame));
    CHECK(parlor_video_frame_kind(frame) == PARLOR_FRAME_KIND_PLANES);
    CHECK(parlor_video_frame_format(frame) == PARLOR_PIXEL_FORMAT_RGBA);
    CHECK(parlor_video_frame_width(frame) == 4 && parlor_video_frame_height(frame) == 2);
    CHECK(parlor_video_frame_timestamp_us(frame) == 1234);
    parlor_plane plane;
    CHECK_OK(parlor_video_frame_plane(frame, 0, &plane));
    CHECK(plane.data == pixels && plane.size == sizeof pixels && plane.stride == 16);

    parlor_video_frame *kept = parlor_video_frame_ref(frame);
    parlor_video_frame_unref(frame);
    CHECK(atomic_load(&counter) == 0);

    uint8_t converted[4 * 2 * 4];
    size_t size = 0;
    CHECK_STATUS(PARLOR_STATUS_BUFFER_TOO_SMALL,
                 parlor_video_frame_convert(kept, PARLOR_PIXEL_FORMAT_I420, NULL, 0, &size));
    CHECK(size == 4 * 2 + 2 * (2 * 1));
    CHECK_OK(parlor_video_frame_convert(kept, PARLOR_PIXEL_FORMAT_I420, converted, size, &size));
    CHECK_OK(parlor_video_frame_convert(kept, PARLOR_PIXEL_FORMAT_RGBA, converted, sizeof converted, NULL));
    CHECK(memcmp(converted, pixels, sizeof pixels) == 0);
    char path[64];
    snprintf(path, sizeof path, "lifetime-test-%ld.png", (long)getpid());
    CHECK_OK(parlor_video_frame_write_png(kept, parlor_str_of(path)));
    CHECK(remove(path) == 0);
    parlor_video_frame_unref(kept);
    CHECK(atomic_load(&counter) == 1);

    /* What was refused stays the app's. */
    planes.planes[0].size = 1;
    frame = NULL;
    CHECK_STATUS(PARLOR_STATUS_INVALID_FRAME, parlor_video_frame_create(&planes, &frame));
    CHECK(frame == NULL && atomic_load(&counter) == 1);

    /* A copy is needed no longer than the call. */
    uint8_t *short_lived = calloc(1, sizeof pixels);
    planes.planes[0].data = short_lived;
    planes.planes[0].size = sizeof pixels;
    planes.release = NULL;
    CHECK_OK(parlor_video_frame_create(&planes, &frame));
    free(short_lived);
    CHECK_OK(parlor_video_frame_convert(frame, PARLOR_PIXEL_FORMAT_RGBA, converted, sizeof converted, NULL));
    parlor_video_frame_unref(frame);
    CHECK(atomic_load(&counter) == 1);
}

static void sources_take_only_what_they_are_for(void) {
    static const uint8_t pixels[64 * 64 * 4];
    parlor_video_source *raw = NULL;
    parlor_video_source *pattern = NULL;
    parlor_video_frame *frame = NULL;
    const parlor_video_planes planes = {.struct_size = sizeof planes,
                                        .format = PARLOR_PIXEL_FORMAT_RGBA,
                                        .plane_count = 1,
                                        .width = 64,
                                        .height = 64,
                                        .planes = {{pixels, sizeof pixels, 64 * 4}}};
    uint64_t frames = 99;
    CHECK_OK(parlor_video_source_create(&raw));
    CHECK_OK(parlor_video_source_create_test_pattern(64, 64, 30, &pattern));
    CHECK_OK(parlor_video_frame_create(&planes, &frame));
    CHECK_OK(parlor_video_source_frames(raw, &frames));
    CHECK(frames == 0);
    CHECK_OK(parlor_video_source_push(raw, frame));
    CHECK_OK(parlor_video_source_push_planes(raw, &planes));
    CHECK_OK(parlor_video_source_frames(raw, &frames));
    CHECK(frames == 2);
    CHECK_STATUS(PARLOR_STATUS_INVALID_STATE, parlor_video_source_push(pattern, frame));
    parlor_video_frame_unref(frame);
    parlor_video_source_release(raw);
    parlor_video_source_release(pattern);

    parlor_audio_source *sound = NULL;
    parlor_audio_source *packets = NULL;
    const int16_t samples[960] = {0};
    const uint8_t silence[] = {0xf8, 0xff, 0xfe};
    const parlor_encoded_frame packet = {.struct_size = sizeof packet,
                                         .codec = PARLOR_CODEC_OPUS,
                                         .keyframe = 1,
                                         .data = silence,
                                         .size = sizeof silence,
                                         .duration_us = 20000};
    CHECK_OK(parlor_audio_source_create(1, &sound));
    CHECK_OK(parlor_audio_source_create_encoded(&packets));
    CHECK_OK(parlor_audio_source_push_i16(sound, samples, 960, 48000, 1, parlor_time_us()));
    CHECK_STATUS(PARLOR_STATUS_INVALID_STATE, parlor_audio_source_push_encoded(sound, &packet));
    CHECK_OK(parlor_audio_source_push_encoded(packets, &packet));
    CHECK_STATUS(PARLOR_STATUS_INVALID_STATE, parlor_audio_source_push_i16(packets, samples, 960, 48000, 1, 0));
    parlor_audio_source_release(sound);
    parlor_audio_source_release(packets);
}

static void an_observer_lives_as_long_as_its_source(void) {
    const parlor_encoded_observer given = {
        .struct_size = sizeof given, .on_keyframe_request = (void (*)(void *))abort, .destroy = count};
    parlor_video_source *source = NULL;
    parlor_stream *stream = NULL;
    atomic_store(&counter, 0);
    CHECK_STATUS(PARLOR_STATUS_UNSUPPORTED_CODEC,
                 parlor_video_source_create_encoded(PARLOR_CODEC_OPUS, &given, &source));
    CHECK(source == NULL && atomic_load(&counter) == 0);
    CHECK_OK(parlor_stream_create(&stream));
    CHECK_OK(parlor_video_source_create_encoded(PARLOR_CODEC_VP8, &given, &source));
    CHECK_OK(parlor_stream_add_video(stream, source, NULL));
    parlor_video_source_release(source);
    CHECK(atomic_load(&counter) == 0);
    parlor_stream_release(stream);
    CHECK(atomic_load(&counter) == 1);
}

static void a_stream_holds_eight_tracks(void) {
    parlor_stream *stream = NULL;
    parlor_video_source *source = NULL;
    uint64_t track = 0, before = 0, id = 0;
    CHECK_OK(parlor_stream_create(&stream));
    CHECK_OK(parlor_stream_id(stream, &id));
    CHECK(id != 0);
    CHECK_OK(parlor_video_source_create(&source));
    for (int i = 0; i < 8; i++) {
        CHECK_OK(parlor_stream_add_video(stream, source, &track));
        CHECK(track > before);
        before = track;
    }
    CHECK_STATUS(PARLOR_STATUS_INVALID_STATE, parlor_stream_add_video(stream, source, &track));
    CHECK(track == before);
    parlor_video_source_release(source);
    parlor_stream_release(stream);
}

typedef struct log_lines {
    atomic_int destroyed;
} log_lines;

static void on_line(void *userdata, int32_t level, parlor_str target, parlor_str message) {
    log_lines *log = userdata;
    CHECK(atomic_load(&log->destroyed) == 0);
    CHECK(level >= PARLOR_LOG_LEVEL_ERROR && level <= PARLOR_LOG_LEVEL_TRACE);
    CHECK(target.len > 0 && message.data != NULL);
}

static void on_log_destroy(void *userdata) { atomic_fetch_add(&((log_lines *)userdata)->destroyed, 1); }

static void a_log_sink_is_the_library_s_until_it_is_replaced(void) {
    log_lines first, second;
    atomic_init(&first.destroyed, 0);
    atomic_init(&second.destroyed, 0);
    parlor_log_sink sink = {.struct_size = sizeof sink,
                            .level = PARLOR_LOG_LEVEL_TRACE,
                            .on_line = on_line,
                            .userdata = &first,
                            .destroy = on_log_destroy};
    CHECK_OK(parlor_log_set_sink(&sink));
    observer o;
    observer_init(&o);
    parlor_session *session = connecting_session(&o);
    CHECK_OK(parlor_session_join(session, parlor_str_of("lobby"), NULL));
    WAIT_FOR(&o, o.events[PARLOR_EVENT_STATE_CHANGE] > 0);
    sink.userdata = &second;
    CHECK_OK(parlor_log_set_sink(&sink));
    CHECK(atomic_load(&first.destroyed) == 1);
    parlor_session_destroy(session);
    CHECK_OK(parlor_log_set_sink(NULL));
    CHECK(atomic_load(&second.destroyed) == 1);
    observer_end(&o);
}

static void *fail_elsewhere(void *nothing) {
    CHECK(strlen(parlor_last_error_message()) == 0);
    CHECK_STATUS(PARLOR_STATUS_NULL_POINTER, parlor_stream_create(NULL));
    CHECK(strstr(parlor_last_error_message(), "out_stream") != NULL);
    return nothing;
}

static void the_last_error_is_the_thread_s_own(void) {
    char before[TEXT];
    pthread_t thread;
    CHECK_STATUS(PARLOR_STATUS_NULL_POINTER, parlor_video_source_create(NULL));
    copy_text(before, parlor_str_of(parlor_last_error_message()));
    CHECK(pthread_create(&thread, NULL, fail_elsewhere, NULL) == 0);
    pthread_join(thread, NULL);
    CHECK(strcmp(before, parlor_last_error_message()) == 0);
}

static void the_clock_never_goes_back(void) {
    const uint64_t before = parlor_time_us();
    CHECK(parlor_time_us() >= before);
    CHECK(strlen(parlor_version_string()) > 0);
}

int main(void) {
    a_failed_create_leaves_userdata_with_the_app();
    destroy_ends_the_callbacks_before_it_returns();
    a_session_may_be_destroyed_inside_its_own_callback();
    every_function_may_be_called_inside_a_callback();
    other_references_answer_closed();
    the_last_release_ends_the_session();
    a_session_may_be_destroyed_while_others_use_it();
    a_token_is_asked_for_and_may_be_refused();
    two_engines_and_their_sessions_live_side_by_side();
    frames_are_counted_and_lent_pixels_come_back();
    sources_take_only_what_they_are_for();
    an_observer_lives_as_long_as_its_source();
    a_stream_holds_eight_tracks();
    a_log_sink_is_the_library_s_until_it_is_replaced();
    the_last_error_is_the_thread_s_own();
    the_clock_never_goes_back();
    return 0;
}
