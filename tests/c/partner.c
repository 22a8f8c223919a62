/* The other side of a call with a program that is tested: joins the channel of its argument, sends little, and is done
 * once pictures and sound of another peer came and that peer was sent a message. */
#include "observer.h"

enum { ENOUGH = 20, SKIPPED = 77 };

/* What came, guarded by the observer's mutex. */
typedef struct received {
    observer events;
    parlor_session *session;
    int frames, sounds;
} received;

static void count(received *r, int *what) {
    pthread_mutex_lock(&r->events.mutex);
    *what += 1;
    pthread_cond_broadcast(&r->events.changed);
    pthread_mutex_unlock(&r->events.mutex);
}

static void on_frame(void *userdata, const parlor_video_frame *frame) {
    received *r = userdata;
    (void)frame;
    count(r, &r->frames);
}

/* Sound that is heard: of the tone, not of silence. */
static void on_sound(void *userdata, const parlor_audio_frame *frame) {
    received *r = userdata;
    for (size_t i = 0; i < frame->sample_count; i++) {
        if (frame->samples[i] > 1000) {
            count(r, &r->sounds);
            return;
        }
    }
}

static void receive(observer *o, const parlor_event *event) {
    received *r = o->context;
    if (event->type != PARLOR_EVENT_TRACK_ADDED) {
        return;
    }
    if (event->media_kind == PARLOR_MEDIA_KIND_VIDEO) {
        const parlor_video_sink sink = {.struct_size = sizeof sink, .on_frame = on_frame, .userdata = r};
        CHECK_OK(parlor_session_set_video_sink(r->session, event->track_id, &sink));
    } else {
        const parlor_audio_sink sink = {.struct_size = sizeof sink, .on_frame = on_sound, .userdata = r};
        CHECK_OK(parlor_session_set_audio_sink(r->session, event->track_id, &sink));
    }
}

int main(int argc, char **argv) {
    const char *url = getenv("PARLOR_TEST_URL");
    CHECK(argc == 2);
    if (url == NULL) {
        fprintf(stderr, "skipped: PARLOR_TEST_URL names no server\n");
        return SKIPPED;
    }
    static received r;
    observer_init(&r.events);
    r.events.react = receive;
    r.events.context = &r;
    const parlor_session_config config = key_config(url, "pk_dev");
    const parlor_listener listener = observer_listener(&r.events);
    parlor_stream *stream = NULL;
    parlor_video_source *video = NULL;
    parlor_audio_source *audio = NULL;
    CHECK_OK(parlor_session_create(&config, &listener, &r.session));
    CHECK_OK(parlor_video_source_create_test_pattern(160, 90, 5, &video));
    CHECK_OK(parlor_audio_source_create_tone(440, &audio));
    CHECK_OK(parlor_stream_create(&stream));
    CHECK_OK(parlor_stream_add_video(stream, video, NULL));
    CHECK_OK(parlor_stream_add_audio(stream, audio, NULL));
    CHECK_OK(parlor_session_add_stream(r.session, stream, parlor_str_of("{}")));
    CHECK_OK(parlor_session_join(r.session, parlor_str_of(argv[1]), NULL));

    uint64_t request = 0;
    WAIT_FOR(&r.events, r.frames >= ENOUGH && r.sounds >= ENOUGH);
    CHECK_OK(parlor_session_send(r.session, r.events.peer_id, parlor_str_of("\"enough\""), &request));
    WAIT_FOR(&r.events, r.events.done_request == request);
    CHECK_STATUS(PARLOR_STATUS_OK, r.events.done_status);
    CHECK_OK(parlor_session_leave(r.session, &request));
    WAIT_FOR(&r.events, r.events.done_request == request);

    parlor_session_destroy(r.session);
    parlor_stream_release(stream);
    parlor_video_source_release(video);
    parlor_audio_source_release(audio);
    observer_end(&r.events);
    return 0;
}
