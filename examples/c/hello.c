/* Joins a channel, sends a test pattern and a tone, and prints what happens for a while.
 *
 *   cc hello.c -lparlor -o hello && ./hello ws://127.0.0.1:7080 demo 10
 */
#include <parlor.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void on_event(void *userdata, const parlor_event *event) {
    (void)userdata;
    printf("%s %.*s\n", parlor_event_type_name(event->type), (int)event->wire_id.len, event->wire_id.data);
}

int main(int argc, char **argv) {
    parlor_session_config config = {.struct_size = sizeof config,
                                    .url = parlor_str_of(argc > 1 ? argv[1] : "ws://127.0.0.1:7080"),
                                    .credential_kind = PARLOR_CREDENTIAL_API_KEY,
                                    .credential = parlor_str_of("pk_dev")};
    parlor_listener listener = {.struct_size = sizeof listener, .on_event = on_event};
    parlor_session *session = NULL;
    parlor_stream *stream = NULL;
    parlor_video_source *video = NULL;
    parlor_audio_source *audio = NULL;

    int failed = parlor_session_create(&config, &listener, &session) ||
                 parlor_stream_create(&stream) ||
                 parlor_video_source_create_test_pattern(320, 180, 15, &video) ||
                 parlor_audio_source_create_tone(440, &audio) ||
                 parlor_stream_add_video(stream, video, NULL) ||
                 parlor_stream_add_audio(stream, audio, NULL) ||
                 parlor_session_add_stream(session, stream, parlor_str_of("{\"role\":\"camera\"}")) ||
                 parlor_session_join(session, parlor_str_of(argc > 2 ? argv[2] : "demo"), NULL);
    if (failed) {
        fprintf(stderr, "hello: %s\n", parlor_last_error_message());
    } else {
        sleep(argc > 3 ? (unsigned)atoi(argv[3]) : 10);
    }
    parlor_session_destroy(session); /* leaves */
    parlor_stream_release(stream);
    parlor_video_source_release(video);
    parlor_audio_source_release(audio);
    return failed;
}
