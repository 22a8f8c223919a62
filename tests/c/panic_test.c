/* A panic behind any function stops there and is told, in the build that is tested: unwinding works. */
#include "check.h"

#include <string.h>

/* Only libraries built with the cargo feature `test-hooks` have it: from a call with 1 on, everything panics. */
void parlor_test_panics(int32_t asked);

static const parlor_str NONE = {NULL, 0};

/* Leaves the text of another failure behind, so that the next text is known to be new. */
static void fail_otherwise(void) {
    parlor_test_panics(0);
    CHECK_STATUS(PARLOR_STATUS_NULL_POINTER, parlor_stream_create(NULL));
    CHECK(strstr(parlor_last_error_message(), "panicked") == NULL);
    parlor_test_panics(1);
}

static void panic_was_told(const char *call) {
    if (strstr(parlor_last_error_message(), "panicked") == NULL) {
        fprintf(stderr, "%s did not tell of a panic\n", call);
        exit(1);
    }
}

#define VALUE(call)                                                                                          \
    do {                                                                                                     \
        fail_otherwise();                                                                                    \
        (void)call;                                                                                          \
        panic_was_told(#call);                                                                               \
    } while (0)

#define STATUS(call)                                                                                         \
    do {                                                                                                     \
        fail_otherwise();                                                                                    \
        CHECK_STATUS(PARLOR_STATUS_INTERNAL, call);                                                          \
        panic_was_told(#call);                                                                               \
    } while (0)

int main(void) {
    STATUS(parlor_session_open_channel(NULL, 0, NONE, NULL, NULL));
    STATUS(parlor_session_send_channel(NULL, 0, NULL, 0, 0));
    STATUS(parlor_session_close_channel(NULL, 0));
    STATUS(parlor_session_channel_buffered_amount(NULL, 0, NULL));
    STATUS(parlor_engine_create(NULL, NULL));
    VALUE(parlor_engine_release(NULL));
    STATUS(parlor_video_frame_create(NULL, NULL));
    VALUE(parlor_video_frame_ref(NULL));
    VALUE(parlor_video_frame_unref(NULL));
    VALUE(parlor_video_frame_kind(NULL));
    VALUE(parlor_video_frame_format(NULL));
    VALUE(parlor_video_frame_width(NULL));
    VALUE(parlor_video_frame_height(NULL));
    VALUE(parlor_video_frame_timestamp_us(NULL));
    STATUS(parlor_video_frame_plane(NULL, 0, NULL));
    STATUS(parlor_video_frame_convert(NULL, 0, NULL, 0, NULL));
    STATUS(parlor_video_frame_write_png(NULL, NONE));
    STATUS(parlor_live_objects_get(NULL));
    STATUS(parlor_log_set_sink(NULL));
    STATUS(parlor_session_peers(NULL, NULL, 0, NULL));
    STATUS(parlor_session_peer_state(NULL, 0, NULL));
    STATUS(parlor_session_peer_wire_id(NULL, 0, NULL, 0, NULL));
    STATUS(parlor_session_peer_metadata(NULL, 0, NULL, 0, NULL));
    STATUS(parlor_session_peer_stats(NULL, 0, NULL));
    STATUS(parlor_session_track_stats(NULL, 0, NULL));
    STATUS(parlor_audio_playout_create(NULL));
    STATUS(parlor_session_play(NULL, 0, NULL));
    STATUS(parlor_audio_playout_pull(NULL, NULL, 0, NULL));
    VALUE(parlor_audio_playout_release(NULL));
    STATUS(parlor_session_record(NULL, 0, NONE));
    STATUS(parlor_reference_create_from_file(NONE, NULL));
    STATUS(parlor_reference_create_test_pattern(0, 0, NULL));
    STATUS(parlor_reference_psnr(NULL, NULL, NULL));
    VALUE(parlor_reference_release(NULL));
    STATUS(parlor_session_create(NULL, NULL, NULL));
    VALUE(parlor_session_retain(NULL));
    VALUE(parlor_session_release(NULL));
    VALUE(parlor_session_destroy(NULL));
    STATUS(parlor_session_join(NULL, NONE, NULL));
    STATUS(parlor_session_leave(NULL, NULL));
    STATUS(parlor_session_add_stream(NULL, NULL, NONE));
    STATUS(parlor_session_remove_stream(NULL, 0));
    STATUS(parlor_session_send(NULL, 0, NONE, NULL));
    STATUS(parlor_session_provide_token(NULL, 0, NONE));
    STATUS(parlor_session_network_changed(NULL));
    STATUS(parlor_session_set_video_sink(NULL, 0, NULL));
    STATUS(parlor_session_set_audio_sink(NULL, 0, NULL));
    STATUS(parlor_session_state(NULL, NULL));
    STATUS(parlor_session_peer_id(NULL, NULL, 0, NULL));
    STATUS(parlor_video_source_create(NULL));
    STATUS(parlor_video_source_create_encoded(0, NULL, NULL));
    STATUS(parlor_video_source_create_test_pattern(0, 0, 0, NULL));
    STATUS(parlor_video_source_create_from_file(NONE, 0, NULL));
    STATUS(parlor_video_source_push(NULL, NULL));
    STATUS(parlor_video_source_push_planes(NULL, NULL));
    STATUS(parlor_video_source_push_encoded(NULL, NULL));
    STATUS(parlor_video_source_frames(NULL, NULL));
    VALUE(parlor_video_source_release(NULL));
    STATUS(parlor_audio_source_create(0, NULL));
    STATUS(parlor_audio_source_create_encoded(NULL));
    STATUS(parlor_audio_source_create_tone(0, NULL));
    STATUS(parlor_audio_source_create_from_file(NONE, 0, NULL));
    STATUS(parlor_audio_source_push_i16(NULL, NULL, 0, 0, 0, 0));
    STATUS(parlor_audio_source_push_f32(NULL, NULL, 0, 0, 0, 0));
    STATUS(parlor_audio_source_push_encoded(NULL, NULL));
    VALUE(parlor_audio_source_release(NULL));
    STATUS(parlor_stream_create(NULL));
    STATUS(parlor_stream_id(NULL, NULL));
    STATUS(parlor_stream_add_video(NULL, NULL, NULL));
    STATUS(parlor_stream_add_audio(NULL, NULL, NULL));
    VALUE(parlor_stream_release(NULL));
    VALUE(parlor_str_of(NULL));
    VALUE(parlor_time_us());

    /* These only look up constants. */
    CHECK(parlor_abi_version() == PARLOR_ABI_VERSION && strlen(parlor_version_string()) > 0);
    CHECK(strlen(parlor_status_name(0)) > 0 && strlen(parlor_event_type_name(1)) > 0);
    CHECK(strlen(parlor_state_name(1)) > 0 && strlen(parlor_peer_state_name(1)) > 0);
    CHECK(strlen(parlor_codec_name(1)) > 0);

    parlor_test_panics(0);
    parlor_stream *stream = NULL;
    CHECK_OK(parlor_stream_create(&stream));
    parlor_stream_release(stream);
    return 0;
}
