/* Joins a channel without media of its own and prints what it hears and sees: listen <url> <key> <channel>
 * [--seconds N]. */
#include <inttypes.h>
#include <math.h>
#include <parlor.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A track that is received, and how much of it came. */
typedef struct receiver {
    uint64_t track;
    unsigned count;
} receiver;

/* How loud a track is, once a second. Called on the playout thread, every 20 ms. */
static void hear(void *userdata, const parlor_audio_frame *frame) {
    receiver *r = userdata;
    if (r->count++ % 50 != 0) {
        return;
    }
    double sum = 0;
    for (size_t i = 0; i < frame->sample_count; i++) {
        sum += (double)frame->samples[i] * frame->samples[i];
    }
    const double root = sqrt(sum / (double)frame->sample_count);
    printf("track %" PRIu64 ": %.0f dBFS\n", r->track, 20 * log10((root > 1 ? root : 1) / 32767));
}

/* What pictures come, once a second or so. Called on a media thread. */
static void look(void *userdata, const parlor_video_frame *frame) {
    receiver *r = userdata;
    parlor_plane plane;
    if (r->count++ % 30 == 0 && parlor_video_frame_plane(frame, 0, &plane) == PARLOR_STATUS_OK) {
        printf("track %" PRIu64 ": picture %u, %ux%u, top left %u\n", r->track, r->count,
               parlor_video_frame_width(frame), parlor_video_frame_height(frame), plane.data[0]);
    }
}

/* What happens in the channel, on the session's own thread; the session is told by its address. */
static void on_event(void *userdata, const parlor_event *e) {
    parlor_session **session = userdata;
    if (e->type == PARLOR_EVENT_JOINED) {
        printf("listening in %.*s\n", (int)e->channel.len, e->channel.data);
    } else if (e->type == PARLOR_EVENT_REQUEST_DONE && e->status != PARLOR_STATUS_OK) {
        fprintf(stderr, "listen: %.*s\n", (int)e->text.len, e->text.data);
    } else if (e->type == PARLOR_EVENT_TRACK_ADDED) {
        receiver *r = calloc(1, sizeof *r);
        r->track = e->track_id;
        parlor_status status;
        /* The library frees the receiver after the last call. */
        if (e->media_kind == PARLOR_MEDIA_KIND_AUDIO) {
            const parlor_audio_sink sink = {
                .struct_size = sizeof sink, .on_frame = hear, .userdata = r, .destroy = free};
            status = parlor_session_set_audio_sink(*session, e->track_id, &sink);
        } else {
            const parlor_video_sink sink = {
                .struct_size = sizeof sink, .on_frame = look, .userdata = r, .destroy = free};
            status = parlor_session_set_video_sink(*session, e->track_id, &sink);
        }
        if (status != PARLOR_STATUS_OK) {
            free(r);
        }
    }
}

static void interrupt(int number) { (void)number; /* ends what waits */ }

/* Returns after `--seconds N`, at the end of the input, or at Ctrl-C. */
static void wait_for_the_end(int argc, char **argv) {
    const struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    if (argc == 6 && strcmp(argv[4], "--seconds") == 0) {
        sleep((unsigned)atoi(argv[5]));
        return;
    }
    while (getchar() != EOF) {
    }
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: listen <url> <key> <channel> [--seconds N]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    parlor_session *session = NULL;
    const parlor_session_config config = {.struct_size = sizeof config,
                                          .url = parlor_str_of(argv[1]),
                                          .credential_kind = PARLOR_CREDENTIAL_API_KEY,
                                          .credential = parlor_str_of(argv[2])};
    const parlor_listener listener = {.struct_size = sizeof listener, .on_event = on_event, .userdata = &session};
    parlor_status status = parlor_session_create(&config, &listener, &session);
    status = status ? status : parlor_session_join(session, parlor_str_of(argv[3]), NULL);
    if (status == PARLOR_STATUS_OK) {
        wait_for_the_end(argc, argv);
    } else {
        fprintf(stderr, "listen: %s\n", parlor_last_error_message());
    }
    parlor_session_destroy(session); /* leaves */
    return status == PARLOR_STATUS_OK ? 0 : 1;
}
