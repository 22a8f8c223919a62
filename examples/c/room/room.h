/* A camera and a microphone in a channel, and who else is there. */
#ifndef ROOM_H
#define ROOM_H

#include <parlor.h>
#include <pthread.h>

enum { ROOM_MOST_PEERS = 64, ROOM_NAME = 64 };

typedef struct room {
    parlor_session *session;
    /* What the others call themselves on the wire, by the number that events carry; 0 is free. */
    struct {
        uint64_t id;
        char name[ROOM_NAME];
    } peers[ROOM_MOST_PEERS];
    /* The last request that has ended. */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t done_request;
    parlor_status done_status;
} room;

/* Each returns a status; `parlor_last_error_message` says more of one that is not PARLOR_STATUS_OK. */
parlor_status room_create(room *room, const char *url, const char *key);
parlor_status room_join(room *room, const char *channel);
parlor_status room_leave(room *room);

/* Gives everything back; a room that has not left leaves now. */
void room_release(room *room);

#endif
