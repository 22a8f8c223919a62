/* Notes down what a session tells, and waits for it with deadlines. */
#ifndef OBSERVER_H
#define OBSERVER_H

#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { EVENT_TYPES = 32, TEXT = 256, DEADLINE_SECONDS = PARLOR_TEST_DEADLINE };

/* What was seen so far. Everything is guarded by `mutex`; `changed` follows every change. */
typedef struct observer {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int events[EVENT_TYPES]; /* how many of each type */
    int destroyed;           /* calls of destroy */
    int reactions;           /* calls of `react` that have returned */
    uint64_t peer_id;        /* of the last peer-joined */
    uint64_t stream_id;      /* of the last stream-added */
    uint64_t video_track;    /* of the last track-added with pictures */
    uint64_t audio_track;    /* of the last track-added with sound */
    uint64_t token_request;  /* of the last token-needed */
    uint64_t done_request;   /* of the last request-done */
    parlor_status done_status;
    uint64_t channel_id;  /* of the last channel-open or -message */
    int32_t binary;       /* of the last channel-message */
    int32_t message_kind; /* of the last data */
    char data[TEXT];      /* of the last data or channel-message */
    char label[TEXT];     /* of the last channel-open */
    char metadata[TEXT];  /* of the last stream-added */
    char wire_id[TEXT];   /* of the last peer-joined */
    /* Called outside the mutex for each event; may be NULL. */
    void (*react)(struct observer *observer, const parlor_event *event);
    parlor_session *session; /* for `react`, guarded as the rest */
    void *context;           /* for `react` */
} observer;

static inline void observer_init(observer *o) {
    memset(o, 0, sizeof *o);
    pthread_mutex_init(&o->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&o->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static inline void observer_end(observer *o) {
    pthread_cond_destroy(&o->changed);
    pthread_mutex_destroy(&o->mutex);
}

static inline void copy_text(char *to, parlor_str from) {
    const size_t length = from.len < TEXT - 1 ? from.len : TEXT - 1;
    if (length > 0) {
        memcpy(to, from.data, length);
    }
    to[length] = '\0';
}

static inline void observer_on_event(void *userdata, const parlor_event *event) {
    observer *o = userdata;
    CHECK(event->struct_size >= sizeof *event);
    CHECK(event->type > 0 && event->type < EVENT_TYPES);
    pthread_mutex_lock(&o->mutex);
    CHECK(o->destroyed == 0);
    o->events[event->type] += 1;
    switch (event->type) {
    case PARLOR_EVENT_PEER_JOINED:
        o->peer_id = event->peer_id;
        copy_text(o->wire_id, event->wire_id);
        break;
    case PARLOR_EVENT_STREAM_ADDED:
        o->stream_id = event->stream_id;
        copy_text(o->metadata, event->metadata);
        break;
    case PARLOR_EVENT_TRACK_ADDED:
        *(event->media_kind == PARLOR_MEDIA_KIND_VIDEO ? &o->video_track : &o->audio_track) = event->track_id;
        break;
    case PARLOR_EVENT_DATA:
        o->message_kind = event->message_kind;
        copy_text(o->data, event->data);
        break;
    case PARLOR_EVENT_CHANNEL_OPEN:
        o->channel_id = event->channel_id;
        copy_text(o->label, event->label);
        break;
    case PARLOR_EVENT_CHANNEL_MESSAGE:
        o->channel_id = event->channel_id;
        o->binary = event->binary;
        copy_text(o->data, event->data);
        break;
    case PARLOR_EVENT_TOKEN_NEEDED: o->token_request = event->request_id; break;
    case PARLOR_EVENT_REQUEST_DONE:
        o->done_request = event->request_id;
        o->done_status = event->status;
        break;
    default: break;
    }
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->mutex);
    if (o->react != NULL) {
        o->react(o, event);
        pthread_mutex_lock(&o->mutex);
        o->reactions += 1;
        pthread_cond_broadcast(&o->changed);
        pthread_mutex_unlock(&o->mutex);
    }
}

static inline void observer_on_destroy(void *userdata) {
    observer *o = userdata;
    pthread_mutex_lock(&o->mutex);
    o->destroyed += 1;
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->mutex);
}

static inline parlor_listener observer_listener(observer *o) {
    parlor_listener listener;
    memset(&listener, 0, sizeof listener);
    listener.struct_size = sizeof listener;
    listener.on_event = observer_on_event;
    listener.userdata = o;
    listener.destroy = observer_on_destroy;
    return listener;
}

/* Waits, with the mutex held, for a change; false once the deadline is past. */
static inline bool observer_wait(observer *o, const struct timespec *deadline) {
    return pthread_cond_timedwait(&o->changed, &o->mutex, deadline) != ETIMEDOUT;
}

static inline struct timespec deadline_from_now(int seconds) {
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += seconds;
    return deadline;
}

/* Waits until `condition`, an expression on what is guarded by the observer's mutex, holds. */
#define WAIT_FOR(o, condition)                                                                               \
    do {                                                                                                     \
        const struct timespec deadline_ = deadline_from_now(DEADLINE_SECONDS);                               \
        pthread_mutex_lock(&(o)->mutex);                                                                     \
        while (!(condition)) {                                                                               \
            if (!observer_wait((o), &deadline_) && !(condition)) {                                           \
                fprintf(stderr, "%s:%d: waited in vain for %s\n", __FILE__, __LINE__, #condition);           \
                exit(1);                                                                                     \
            }                                                                                                \
        }                                                                                                    \
        pthread_mutex_unlock(&(o)->mutex);                                                                   \
    } while (0)

/* A configuration with a key for a server. */
static inline parlor_session_config key_config(const char *url, const char *key) {
    parlor_session_config config;
    memset(&config, 0, sizeof config);
    config.struct_size = sizeof config;
    config.url = parlor_str_of(url);
    config.credential_kind = PARLOR_CREDENTIAL_API_KEY;
    config.credential = parlor_str_of(key);
    return config;
}

/* Where nobody listens: the session connects in vain. */
#define NO_SERVER "ws://127.0.0.1:9"

#endif
