#include "room.h"

#include <stdio.h>
#include <string.h>

/* Finds the place of a peer, or with 0 a free one. The last place is that of everybody for whom there was none. */
static int place_of(const room *r, uint64_t id) {
    int place = 0;
    while (place < ROOM_MOST_PEERS - 1 && r->peers[place].id != id) {
        place += 1;
    }
    return place;
}

/* Called on the session's own thread, one event at a time. */
static void on_event(void *userdata, const parlor_event *e) {
    room *r = userdata;
    const int place = place_of(r, e->type == PARLOR_EVENT_PEER_JOINED ? 0 : e->peer_id);
    char *name = r->peers[place].name;
    switch (e->type) {
    case PARLOR_EVENT_JOINED:
        printf("joined %.*s as %.*s\n", (int)e->channel.len, e->channel.data, (int)e->wire_id.len, e->wire_id.data);
        break;
    case PARLOR_EVENT_LEFT: printf(e->text.len > 0 ? "left: %.*s\n" : "left\n", (int)e->text.len, e->text.data); break;
    case PARLOR_EVENT_PEER_JOINED:
        r->peers[place].id = e->peer_id;
        snprintf(name, ROOM_NAME, "%.*s", (int)e->wire_id.len, e->wire_id.data);
        printf("%s joined\n", name);
        break;
    case PARLOR_EVENT_PEER_STATE_CHANGE: printf("%s is %s\n", name, parlor_peer_state_name(e->to_state)); break;
    case PARLOR_EVENT_STREAM_ADDED:
        printf("%s sends %.*s\n", name, (int)e->metadata.len, e->metadata.data);
        break;
    case PARLOR_EVENT_STREAM_REMOVED: printf("%s sends a stream no more\n", name); break;
    case PARLOR_EVENT_PEER_LEFT:
        printf("%s left\n", name);
        r->peers[place].id = 0;
        break;
    case PARLOR_EVENT_ERROR: printf("error: %.*s\n", (int)e->text.len, e->text.data); break;
    case PARLOR_EVENT_REQUEST_DONE:
        if (e->status != PARLOR_STATUS_OK) {
            fprintf(stderr, "room: %.*s\n", (int)e->text.len, e->text.data);
        }
        pthread_mutex_lock(&r->mutex);
        r->done_request = e->request_id;
        r->done_status = e->status;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->mutex);
        break;
    default: break;
    }
}

/* A test pattern and a tone stand for the devices. The others get the metadata with the stream. */
static parlor_status add_camera(parlor_session *session) {
    parlor_stream *stream = NULL;
    parlor_video_source *video = NULL;
    parlor_audio_source *audio = NULL;
    parlor_status status = parlor_stream_create(&stream);
    status = status ? status : parlor_video_source_create_test_pattern(640, 360, 30, &video);
    status = status ? status : parlor_audio_source_create_tone(440, &audio);
    status = status ? status : parlor_stream_add_video(stream, video, NULL);
    status = status ? status : parlor_stream_add_audio(stream, audio, NULL);
    status = status ? status : parlor_session_add_stream(session, stream, parlor_str_of("{\"role\":\"camera\"}"));
    /* The session keeps what it needs. */
    parlor_stream_release(stream);
    parlor_video_source_release(video);
    parlor_audio_source_release(audio);
    return status;
}

parlor_status room_create(room *r, const char *url, const char *key) {
    memset(r, 0, sizeof *r);
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->changed, NULL);
    const parlor_session_config config = {.struct_size = sizeof config,
                                          .url = parlor_str_of(url),
                                          .credential_kind = PARLOR_CREDENTIAL_API_KEY,
                                          .credential = parlor_str_of(key)};
    const parlor_listener listener = {.struct_size = sizeof listener, .on_event = on_event, .userdata = r};
    const parlor_status status = parlor_session_create(&config, &listener, &r->session);
    return status ? status : add_camera(r->session);
}

/* Waits for the end of a request; there is one at a time. */
static parlor_status wait_for(room *r, uint64_t request) {
    pthread_mutex_lock(&r->mutex);
    while (r->done_request != request) {
        pthread_cond_wait(&r->changed, &r->mutex);
    }
    const parlor_status status = r->done_status;
    pthread_mutex_unlock(&r->mutex);
    return status;
}

parlor_status room_join(room *r, const char *channel) {
    uint64_t request = 0;
    const parlor_status status = parlor_session_join(r->session, parlor_str_of(channel), &request);
    return status ? status : wait_for(r, request);
}

parlor_status room_leave(room *r) {
    uint64_t request = 0;
    const parlor_status status = parlor_session_leave(r->session, &request);
    return status ? status : wait_for(r, request);
}

void room_release(room *r) {
    parlor_session_destroy(r->session);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->mutex);
}
