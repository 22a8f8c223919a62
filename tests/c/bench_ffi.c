/* What an event and a 720p picture cost in C: the program that `parlor bench ffi` starts.
 *
 *   bench_ffi URL KEY SECONDS
 *
 * Events and received pictures are timed by the library itself, from its own event or picture to the callback's return;
 * for that it is built with the cargo feature `test-hooks`. */
#include "observer.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1280, HEIGHT = 720, RATE = 60, EVENTS = 20000, PUSHES = 1000, KEPT = 100000, PAGE = 4096 };
enum { TOLD_EVENT = 0, TOLD_FRAME = 1, TOLD_NOTHING = 2 };

/* Only libraries built with the cargo feature `test-hooks` have it. */
size_t parlor_test_durations(int32_t told, uint64_t *nanoseconds, size_t capacity);

static uint64_t durations[KEPT];
static uint8_t picture[WIDTH * HEIGHT * 3 / 2];

static int by_value(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void print_row(const char *what, size_t count) {
    CHECK(count > 0);
    qsort(durations, count, sizeof *durations, by_value);
    const double p50 = (double)durations[count / 2] / 1000, p99 = (double)durations[count * 99 / 100] / 1000;
    printf("{\"what\":\"%s\",\"p50_us\":%.4f,\"p99_us\":%.4f,\"runs\":%zu}\n", what, p50, p99, count);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Counts events without a lock that others hold. */
static void count_event(void *userdata, const parlor_event *event) {
    if (event->type == PARLOR_EVENT_REQUEST_DONE) {
        __atomic_add_fetch((int *)userdata, 1, __ATOMIC_RELEASE);
    }
}

/* Requests that fail at once, since the session is in no channel: each is one event. */
static void measure_events(const parlor_session_config *config) {
    int done = 0;
    parlor_listener listener = {.struct_size = sizeof listener, .on_event = count_event, .userdata = &done};
    parlor_session *session = NULL;
    CHECK_OK(parlor_session_create(config, &listener, &session));
    (void)parlor_test_durations(TOLD_EVENT, durations, KEPT);
    for (int asked = 0; asked < EVENTS;) {
        const parlor_status status = parlor_session_send(session, 0, parlor_str_of("{}"), NULL);
        CHECK(status == PARLOR_STATUS_OK || status == PARLOR_STATUS_BUSY);
        asked += status == PARLOR_STATUS_OK;
    }
    while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < EVENTS) {
        sched_yield();
    }
    parlor_session_destroy(session);
    print_row("event", parlor_test_durations(TOLD_EVENT, durations, KEPT));
}

static void measure_frames_in(void) {
    parlor_video_source *source = NULL;
    CHECK_OK(parlor_video_source_create(&source));
    /* Pages that nobody has written to are all the same one, which stays in the cache. */
    memset(picture, 128, sizeof picture);
    parlor_video_planes planes = {.struct_size = sizeof planes,
                                  .format = PARLOR_PIXEL_FORMAT_I420,
                                  .plane_count = 3,
                                  .width = WIDTH,
                                  .height = HEIGHT,
                                  .planes = {{picture, WIDTH * HEIGHT, WIDTH},
                                             {picture + WIDTH * HEIGHT, WIDTH * HEIGHT / 4, WIDTH / 2},
                                             {picture + WIDTH * HEIGHT * 5 / 4, WIDTH * HEIGHT / 4, WIDTH / 2}}};
    for (int i = 0; i < PUSHES; i++) {
        const uint64_t began = now_ns();
        CHECK_OK(parlor_video_source_push_planes(source, &planes));
        durations[i] = now_ns() - began;
    }
    parlor_video_source_release(source);
    print_row("frame_in", PUSHES);
}

/* Looks at one byte of each page, as a program does that hands the picture on. */
static void look(void *userdata, const parlor_video_frame *frame) {
    volatile unsigned *sum = userdata;
    for (uint32_t index = 0; index < 3; index++) {
        parlor_plane plane;
        CHECK_OK(parlor_video_frame_plane(frame, index, &plane));
        for (size_t at = 0; at < plane.size; at += PAGE) {
            *sum += plane.data[at];
        }
    }
}

static void measure_frames_out(const parlor_session_config *config, int seconds) {
    observer sender, receiver;
    observer_init(&sender);
    observer_init(&receiver);
    const parlor_listener listeners[2] = {observer_listener(&sender), observer_listener(&receiver)};
    parlor_session *sending = NULL, *receiving = NULL;
    parlor_video_source *pattern = NULL;
    parlor_stream *stream = NULL;
    CHECK_OK(parlor_session_create(config, &listeners[0], &sending));
    CHECK_OK(parlor_session_create(config, &listeners[1], &receiving));
    CHECK_OK(parlor_video_source_create_test_pattern(WIDTH, HEIGHT, RATE, &pattern));
    CHECK_OK(parlor_stream_create(&stream));
    CHECK_OK(parlor_stream_add_video(stream, pattern, NULL));
    CHECK_OK(parlor_session_add_stream(sending, stream, (parlor_str){NULL, 0}));
    CHECK_OK(parlor_session_join(sending, parlor_str_of("bench"), NULL));
    CHECK_OK(parlor_session_join(receiving, parlor_str_of("bench"), NULL));
    WAIT_FOR(&receiver, receiver.video_track != 0);
    unsigned sum = 0;
    const parlor_video_sink sink = {.struct_size = sizeof sink, .on_frame = look, .userdata = &sum};
    (void)parlor_test_durations(TOLD_FRAME, durations, KEPT);
    CHECK_OK(parlor_session_set_video_sink(receiving, receiver.video_track, &sink));
    const struct timespec pause = {.tv_sec = seconds};
    nanosleep(&pause, NULL);
    const size_t count = parlor_test_durations(TOLD_FRAME, durations, KEPT);
    parlor_session_destroy(receiving);
    parlor_session_destroy(sending);
    parlor_stream_release(stream);
    parlor_video_source_release(pattern);
    observer_end(&receiver);
    observer_end(&sender);
    print_row("frame_out", count);
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    parlor_session_config config = key_config(argv[1], argv[2]);
    /* What the two readings of the clock add to events and received pictures. */
    print_row("clock", parlor_test_durations(TOLD_NOTHING, durations, KEPT));
    measure_events(&config);
    measure_frames_in();
    measure_frames_out(&config, atoi(argv[3]));
    return 0;
}
