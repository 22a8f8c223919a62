/* A real call: two sessions of one process meet in a channel of the server at PARLOR_TEST_URL. */
#include "observer.h"

#include <dirent.h>
#include <sched.h>
#include <unistd.h>

enum { WIDTH = 320, HEIGHT = 180, RATE = PARLOR_TEST_RATE, ENOUGH_FRAMES = 60, ENOUGH_SOUND = 50, SKIPPED = 77 };

/* What the engine logged of the course of the call, one line after the other. */
static struct {
    pthread_mutex_t mutex;
    char lines[16384];
    size_t length;
} course = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void on_line(void *userdata, int32_t level, parlor_str target, parlor_str message) {
    (void)userdata;
    (void)target;
    CHECK(level <= PARLOR_LOG_LEVEL_INFO);
    if (level < PARLOR_LOG_LEVEL_INFO) {
        return; /* A slow machine loses sound or pictures, and says so each time. */
    }
    pthread_mutex_lock(&course.mutex);
    CHECK(course.length + message.len + 1 < sizeof course.lines);
    memcpy(course.lines + course.length, message.data, message.len);
    course.length += message.len;
    course.lines[course.length++] = '\n';
    pthread_mutex_unlock(&course.mutex);
}

/* One side of the call. What it received is guarded by the observer's mutex. */
typedef struct side {
    observer events;
    parlor_session *session;
    parlor_stream *stream;
    parlor_video_source *video;
    parlor_audio_source *audio;
    parlor_reference *reference;
    int frames, encoded_frames, compared, sounds, sinks_destroyed;
    double worst_psnr;
    int loudest;
    parlor_video_frame *last;
} side;

static void on_frame(void *userdata, const parlor_video_frame *frame) {
    side *s = userdata;
    double psnr = 0;
    const parlor_status compared = parlor_reference_psnr(s->reference, frame, &psnr);
    pthread_mutex_lock(&s->events.mutex);
    s->frames += 1;
    if (compared == PARLOR_STATUS_OK) {
        s->worst_psnr = s->compared == 0 || psnr < s->worst_psnr ? psnr : s->worst_psnr;
        s->compared += 1;
    }
    parlor_video_frame_unref(s->last);
    s->last = parlor_video_frame_ref(frame);
    pthread_cond_broadcast(&s->events.changed);
    pthread_mutex_unlock(&s->events.mutex);
}

static void on_encoded(void *userdata, const parlor_encoded_frame *frame) {
    side *s = userdata;
    CHECK(frame->size > 0 && frame->codec == PARLOR_CODEC_VP8);
    pthread_mutex_lock(&s->events.mutex);
    s->encoded_frames += 1;
    pthread_mutex_unlock(&s->events.mutex);
}

static void on_sound(void *userdata, const parlor_audio_frame *frame) {
    side *s = userdata;
    CHECK(frame->sample_rate == 48000 && frame->channels == 2 && frame->sample_count == 960 * 2);
    int loudest = 0;
    for (size_t i = 0; i < frame->sample_count; i++) {
        const int size = abs(frame->samples[i]);
        loudest = size > loudest ? size : loudest;
    }
    pthread_mutex_lock(&s->events.mutex);
    s->sounds += 1;
    s->loudest = loudest > s->loudest ? loudest : s->loudest;
    pthread_cond_broadcast(&s->events.changed);
    pthread_mutex_unlock(&s->events.mutex);
}

static void on_sink_destroy(void *userdata) {
    side *s = userdata;
    pthread_mutex_lock(&s->events.mutex);
    s->sinks_destroyed += 1;
    pthread_cond_broadcast(&s->events.changed);
    pthread_mutex_unlock(&s->events.mutex);
}

/* Receives every track that comes; on the session's own thread. */
static void receive(observer *o, const parlor_event *event) {
    side *s = o->context;
    if (event->type != PARLOR_EVENT_TRACK_ADDED) {
        return;
    }
    if (event->media_kind == PARLOR_MEDIA_KIND_VIDEO) {
        const parlor_video_sink sink = {.struct_size = sizeof sink,
                                        .on_frame = on_frame,
                                        .on_encoded = on_encoded,
                                        .userdata = s,
                                        .destroy = on_sink_destroy};
        CHECK_OK(parlor_session_set_video_sink(s->session, event->track_id, &sink));
        CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID, parlor_session_set_audio_sink(s->session, event->track_id, NULL));
    } else {
        const parlor_audio_sink sink = {
            .struct_size = sizeof sink, .on_frame = on_sound, .userdata = s, .destroy = on_sink_destroy};
        CHECK_OK(parlor_session_set_audio_sink(s->session, event->track_id, &sink));
    }
}

static void side_start(side *s, const char *url, const char *key, const char *role) {
    memset(s, 0, sizeof *s);
    observer_init(&s->events);
    s->events.react = receive;
    s->events.context = s;
    const parlor_session_config config = key_config(url, key);
    const parlor_listener listener = observer_listener(&s->events);
    CHECK_OK(parlor_reference_create_test_pattern(WIDTH, HEIGHT, &s->reference));
    CHECK_OK(parlor_session_create(&config, &listener, &s->session));
    CHECK_OK(parlor_video_source_create_test_pattern(WIDTH, HEIGHT, RATE, &s->video));
    CHECK_OK(parlor_audio_source_create_tone(440, &s->audio));
    CHECK_OK(parlor_stream_create(&s->stream));
    CHECK_OK(parlor_stream_add_video(s->stream, s->video, NULL));
    CHECK_OK(parlor_stream_add_audio(s->stream, s->audio, NULL));
    char metadata[64];
    snprintf(metadata, sizeof metadata, "{\"role\":\"%s\"}", role);
    CHECK_OK(parlor_session_add_stream(s->session, s->stream, parlor_str_of(metadata)));
}

static void side_end(side *s) {
    parlor_session_destroy(s->session);
    /* Nothing runs any more. */
    CHECK(s->events.destroyed == 1);
    CHECK(s->sinks_destroyed == s->events.events[PARLOR_EVENT_TRACK_ADDED]);
    parlor_stream_release(s->stream);
    parlor_video_source_release(s->video);
    parlor_audio_source_release(s->audio);
    parlor_reference_release(s->reference);
    parlor_video_frame_unref(s->last);
    observer_end(&s->events);
}

static void check_join_done(side *s, const char *channel) {
    uint64_t request = 0;
    CHECK_OK(parlor_session_join(s->session, parlor_str_of(channel), &request));
    /* Also before anything has come of the first. */
    CHECK_STATUS(PARLOR_STATUS_INVALID_STATE, parlor_session_join(s->session, parlor_str_of(channel), NULL));
    WAIT_FOR(&s->events, s->events.done_request == request);
    CHECK_STATUS(PARLOR_STATUS_OK, s->events.done_status);
}

static void check_received(side *s) {
    WAIT_FOR(&s->events, s->frames >= ENOUGH_FRAMES && s->sounds >= ENOUGH_SOUND && s->loudest > 1000);
    pthread_mutex_lock(&s->events.mutex);
    CHECK(s->encoded_frames >= ENOUGH_FRAMES);
    CHECK(s->compared > ENOUGH_FRAMES / 2 && s->worst_psnr > 20);
    CHECK(parlor_video_frame_width(s->last) == WIDTH && parlor_video_frame_height(s->last) == HEIGHT);
    pthread_mutex_unlock(&s->events.mutex);
}

static void check_questions(side *s, const char *role) {
    observer *o = &s->events;
    uint64_t peers[4];
    size_t count = 0;
    int32_t state = 0;
    char id[TEXT];
    CHECK_OK(parlor_session_peers(s->session, peers, 4, &count));
    CHECK(count == 1 && peers[0] == o->peer_id);
    CHECK_STATUS(PARLOR_STATUS_BUFFER_TOO_SMALL, parlor_session_peers(s->session, peers, 0, &count));
    CHECK_OK(parlor_session_peer_state(s->session, peers[0], &state));
    CHECK(state == PARLOR_PEER_STATE_CONNECTED);
    CHECK_OK(parlor_session_peer_wire_id(s->session, peers[0], id, sizeof id, NULL));
    CHECK(strcmp(id, o->wire_id) == 0);
    CHECK_STATUS(PARLOR_STATUS_BUFFER_TOO_SMALL,
                 parlor_session_peer_wire_id(s->session, peers[0], id, strlen(id), &count));
    CHECK(count == strlen(o->wire_id));
    CHECK_OK(parlor_session_peer_metadata(s->session, peers[0], id, sizeof id, &count));
    CHECK_OK(parlor_session_peer_id(s->session, id, sizeof id, &count));
    CHECK(count == strlen(id) && count > 0);
    CHECK_OK(parlor_session_state(s->session, &state));
    CHECK(state == PARLOR_STATE_JOINED);
    CHECK(strstr(o->metadata, role) != NULL);

    parlor_track_stats track = {.struct_size = sizeof track};
    CHECK_OK(parlor_session_track_stats(s->session, o->video_track, &track));
    CHECK(track.codec == PARLOR_CODEC_VP8 && track.media_kind == PARLOR_MEDIA_KIND_VIDEO);
    CHECK(track.width == WIDTH && track.height == HEIGHT && track.frames_decoded >= ENOUGH_FRAMES);
    CHECK_OK(parlor_session_track_stats(s->session, o->audio_track, &track));
    CHECK(track.codec == PARLOR_CODEC_OPUS && track.audio_played_us >= ENOUGH_SOUND * 20000);
    parlor_peer_stats peer = {.struct_size = sizeof peer};
    CHECK_OK(parlor_session_peer_stats(s->session, peers[0], &peer));
    CHECK(peer.packets_received > 0);
}

static void check_messages(side *from, side *to) {
    uint64_t request = 0;
    CHECK_OK(parlor_session_send(from->session, 0, parlor_str_of("{\"to\":\"all\"}"), &request));
    WAIT_FOR(&to->events, to->events.message_kind == PARLOR_MESSAGE_KIND_BROADCAST);
    CHECK(strcmp(to->events.data, "{\"to\":\"all\"}") == 0);
    WAIT_FOR(&from->events, from->events.done_request == request);
    CHECK_STATUS(PARLOR_STATUS_OK, from->events.done_status);
    CHECK_OK(parlor_session_send(from->session, from->events.peer_id, parlor_str_of("[1,\"you\"]"), &request));
    WAIT_FOR(&to->events, to->events.message_kind == PARLOR_MESSAGE_KIND_DIRECT);
    CHECK(strcmp(to->events.data, "[1,\"you\"]") == 0);
}

static void check_channel(side *from, side *to) {
    static const uint8_t hello[] = {'h', 'e', 'y'};
    const parlor_channel_options both = {.struct_size = sizeof both, .has_max_retransmits = 1, .max_lifetime_ms = 1};
    const parlor_channel_options lossy = {
        .struct_size = sizeof lossy, .unordered = 1, .has_max_retransmits = 1, .max_retransmits = 100};
    const parlor_str label = parlor_str_of("notes");
    uint64_t channel = 0;
    size_t waiting = 1;
    CHECK_STATUS(PARLOR_STATUS_INVALID_ARGUMENT,
                 parlor_session_open_channel(from->session, from->events.peer_id, label, &both, &channel));
    CHECK_OK(parlor_session_open_channel(from->session, from->events.peer_id, label, &lossy, &channel));
    CHECK_OK(parlor_session_send_channel(from->session, channel, hello, sizeof hello, 1));
    WAIT_FOR(&to->events, to->events.events[PARLOR_EVENT_CHANNEL_MESSAGE] == 1);
    CHECK(strcmp(to->events.label, "notes") == 0 && strcmp(to->events.data, "hey") == 0 && to->events.binary == 1);
    CHECK_OK(parlor_session_send_channel(to->session, to->events.channel_id, hello, sizeof hello, 0));
    WAIT_FOR(&from->events, from->events.events[PARLOR_EVENT_CHANNEL_MESSAGE] == 1);
    CHECK(from->events.channel_id == channel && from->events.binary == 0);
    CHECK_OK(parlor_session_channel_buffered_amount(from->session, channel, &waiting));
    CHECK(waiting == 0);
    CHECK_OK(parlor_session_close_channel(to->session, to->events.channel_id));
    WAIT_FOR(&from->events, from->events.events[PARLOR_EVENT_CHANNEL_CLOSE] == 1);
    WAIT_FOR(&to->events, to->events.events[PARLOR_EVENT_CHANNEL_CLOSE] == 1);
}

/* The log tells how the call went, and nothing that says who was in which channel. */
static void check_course(const char *channel, const side *ann, const side *bob) {
    const char *told[] = {"joined", "left", "a peer came", "a peer is connected", "a peer went"};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        CHECK(strstr(course.lines, told[i]) != NULL);
    }
    const char *kept[] = {channel, ann->events.wire_id, bob->events.wire_id, "127.0.0.1"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        CHECK(strstr(course.lines, kept[i]) == NULL);
    }
}

static long file_size(const char *path) {
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK(fseek(file, 0, SEEK_END) == 0);
    const long size = ftell(file);
    fclose(file);
    return size;
}

/* Pictures and recordings of what a side receives; replaces its sinks. */
static void check_files(side *s) {
    char png[64], ivf[64], wav[64];
    snprintf(png, sizeof png, "call-test-%ld.png", (long)getpid());
    snprintf(ivf, sizeof ivf, "call-test-%ld.ivf", (long)getpid());
    snprintf(wav, sizeof wav, "call-test-%ld.wav", (long)getpid());
    CHECK_OK(parlor_video_frame_write_png(s->last, parlor_str_of(png)));
    CHECK(file_size(png) > 100);
    CHECK(remove(png) == 0);

    parlor_track_stats before = {.struct_size = sizeof before}, now = {.struct_size = sizeof now};
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID,
                 parlor_session_record(s->session, s->events.audio_track, parlor_str_of(ivf)));
    CHECK_OK(parlor_session_record(s->session, s->events.video_track, parlor_str_of(ivf)));
    CHECK_OK(parlor_session_record(s->session, s->events.audio_track, parlor_str_of(wav)));
    CHECK(s->sinks_destroyed == 2);
    CHECK_OK(parlor_session_track_stats(s->session, s->events.audio_track, &before));
    const struct timespec deadline = deadline_from_now(DEADLINE_SECONDS);
    do {
        CHECK_OK(parlor_session_track_stats(s->session, s->events.audio_track, &now));
        struct timespec clock;
        clock_gettime(CLOCK_MONOTONIC, &clock);
        CHECK(clock.tv_sec < deadline.tv_sec);
        /* Neither stats nor files come with an event. */
        sched_yield();
    } while (now.audio_played_us < before.audio_played_us + 500000 || file_size(ivf) < 1000);
    CHECK_OK(parlor_session_set_video_sink(s->session, s->events.video_track, NULL));
    CHECK_OK(parlor_session_set_audio_sink(s->session, s->events.audio_track, NULL));
    CHECK(file_size(wav) > 48000);
    CHECK(remove(ivf) == 0 && remove(wav) == 0);
}

static void leave(side *s) {
    uint64_t request = 0;
    CHECK_OK(parlor_session_leave(s->session, &request));
    WAIT_FOR(&s->events, s->events.done_request == request);
    CHECK_STATUS(PARLOR_STATUS_OK, s->events.done_status);
}

/* The engine ends with its last session. What is still allocated then is lost, which leak checkers see. */
static void wait_for_the_engine_to_end(void) {
#ifdef __linux__
    const struct timespec deadline = deadline_from_now(DEADLINE_SECONDS);
    int threads = 0;
    do {
        DIR *folder = opendir("/proc/self/task");
        CHECK(folder != NULL);
        threads = -2; /* "." and ".." */
        while (readdir(folder) != NULL) {
            threads += 1;
        }
        closedir(folder);
        struct timespec clock;
        clock_gettime(CLOCK_MONOTONIC, &clock);
        CHECK(clock.tv_sec < deadline.tv_sec);
        sched_yield();
    } while (threads > 1);
#endif
}

int main(void) {
    const char *url = getenv("PARLOR_TEST_URL");
    const char *key = getenv("PARLOR_TEST_KEY");
    if (url == NULL) {
        fprintf(stderr, "skipped: PARLOR_TEST_URL names no server\n");
        return SKIPPED;
    }
    char channel[64];
    snprintf(channel, sizeof channel, "c-test-%ld", (long)getpid());
    static side ann, bob;
    const parlor_log_sink log = {.struct_size = sizeof log, .level = PARLOR_LOG_LEVEL_INFO, .on_line = on_line};
    CHECK_OK(parlor_log_set_sink(&log));
    side_start(&ann, url, key != NULL ? key : "pk_dev", "camera");
    side_start(&bob, url, key != NULL ? key : "pk_dev", "screen");

    check_join_done(&ann, channel);
    check_join_done(&bob, channel);
    check_received(&ann);
    check_received(&bob);
    check_questions(&ann, "screen");
    check_questions(&bob, "camera");
    check_messages(&ann, &bob);
    check_messages(&bob, &ann);
    check_channel(&ann, &bob);

    /* A session that is in a channel cannot join another. */
    CHECK_STATUS(PARLOR_STATUS_INVALID_STATE,
                 parlor_session_join(ann.session, parlor_str_of("elsewhere"), NULL));

    leave(&ann);
    WAIT_FOR(&bob.events, bob.events.events[PARLOR_EVENT_PEER_LEFT] == 1);
    pthread_mutex_lock(&bob.events.mutex);
    bob.frames = bob.sounds = bob.compared = bob.encoded_frames = 0;
    pthread_mutex_unlock(&bob.events.mutex);
    check_join_done(&ann, channel);
    WAIT_FOR(&bob.events, bob.events.events[PARLOR_EVENT_PEER_JOINED] == 2);
    check_received(&bob);
    WAIT_FOR(&bob.events, bob.sinks_destroyed == 2);
    bob.sinks_destroyed = 0;
    bob.events.events[PARLOR_EVENT_TRACK_ADDED] = 2;
    check_files(&bob);

    leave(&bob);
    WAIT_FOR(&ann.events, ann.events.events[PARLOR_EVENT_PEER_LEFT] >= 1);
    side_end(&ann);
    side_end(&bob);
    CHECK_OK(parlor_log_set_sink(NULL));
    check_course(channel, &ann, &bob);
    wait_for_the_engine_to_end();
    return 0;
}
