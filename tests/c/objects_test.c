/* What an app pulls its sound from, and how many objects are alive. */
#include "observer.h"

static parlor_live_objects live_objects(void) {
    parlor_live_objects objects = {.struct_size = sizeof objects};
    CHECK_OK(parlor_live_objects_get(&objects));
    return objects;
}

static void a_playout_without_tracks_is_silent(void) {
    parlor_audio_playout *playout = NULL;
    CHECK_OK(parlor_audio_playout_create(&playout));
    int16_t samples[6] = {7, 7, 7, 7, 7, 7};
    size_t filled = 7;
    CHECK_OK(parlor_audio_playout_pull(playout, samples, 4, &filled));
    CHECK(filled == 0 && samples[0] == 0 && samples[3] == 0 && samples[4] == 7);
    CHECK_OK(parlor_audio_playout_pull(playout, samples, 6, NULL));
    CHECK(samples[5] == 0);
    CHECK_OK(parlor_audio_playout_pull(playout, NULL, 0, NULL));
    int16_t *const unaligned = (int16_t *)(void *)((unsigned char *)samples + 1);
    CHECK_STATUS(PARLOR_STATUS_INVALID_ARGUMENT, parlor_audio_playout_pull(playout, unaligned, 2, NULL));

    size_t length = 0;
    CHECK_STATUS(PARLOR_STATUS_NULL_POINTER, parlor_audio_playout_create(NULL));
    CHECK_STATUS(PARLOR_STATUS_NULL_POINTER, parlor_audio_playout_pull(NULL, samples, 2, &length));
    CHECK_STATUS(PARLOR_STATUS_NULL_POINTER, parlor_audio_playout_pull(playout, NULL, 2, &length));
    CHECK_STATUS(PARLOR_STATUS_NULL_POINTER, parlor_session_play(NULL, 1, playout));
    parlor_audio_playout_release(NULL);
    parlor_audio_playout_release(playout);
}

static void what_is_alive_is_counted(void) {
    static const uint8_t pixel[4] = {0};
    parlor_video_planes planes;
    memset(&planes, 0, sizeof planes);
    planes.struct_size = sizeof planes;
    planes.format = PARLOR_PIXEL_FORMAT_RGBA;
    planes.width = planes.height = planes.plane_count = 1;
    planes.planes[0] = (parlor_plane){pixel, sizeof pixel, sizeof pixel};

    const parlor_live_objects before = live_objects();
    observer events;
    observer_init(&events);
    const parlor_session_config config = key_config(NO_SERVER, "pk");
    const parlor_listener listener = observer_listener(&events);
    parlor_session *session = NULL;
    parlor_stream *stream = NULL;
    parlor_video_source *source = NULL;
    parlor_video_frame *frame = NULL;
    CHECK_OK(parlor_session_create(&config, &listener, &session));
    CHECK_OK(parlor_stream_create(&stream));
    CHECK_OK(parlor_video_source_create(&source));
    CHECK_OK(parlor_video_frame_create(&planes, &frame));
    parlor_video_frame *const kept = parlor_video_frame_ref(frame);

    parlor_live_objects now = live_objects();
    CHECK(now.engines == before.engines + 1 && now.sessions == before.sessions + 1);
    CHECK(now.streams == before.streams + 1 && now.sources == before.sources + 1);
    CHECK(now.frames == before.frames + 1);

    parlor_audio_playout *playout = NULL;
    CHECK_OK(parlor_audio_playout_create(&playout));
    CHECK_STATUS(PARLOR_STATUS_UNKNOWN_ID, parlor_session_play(session, 99, playout));
    CHECK_STATUS(PARLOR_STATUS_NULL_POINTER, parlor_session_play(session, 99, NULL));
    CHECK_STATUS(PARLOR_STATUS_NULL_POINTER, parlor_live_objects_get(NULL));
    parlor_audio_playout_release(playout);

    CHECK_OK(parlor_stream_add_video(stream, source, NULL));
    parlor_video_source_release(source);
    CHECK(live_objects().sources == before.sources + 1);
    parlor_stream_release(stream);
    parlor_video_frame_unref(frame);
    CHECK(live_objects().frames == before.frames + 1);
    parlor_video_frame_unref(kept);
    parlor_session_destroy(session);
    now = live_objects();
    CHECK(now.sessions == before.sessions && now.streams == before.streams);
    CHECK(now.sources == before.sources && now.frames == before.frames);
    observer_end(&events);
}

int main(void) {
    a_playout_without_tracks_is_silent();
    what_is_alive_is_counted();
    return 0;
}
