/* Sends to all, to one, and on a data channel, and prints what comes: message <url> <key> <channel> [--seconds N]. */
#include <inttypes.h>
#include <parlor.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Who comes is greeted through the server, and straight: a data channel carries what the server does not see. */
static parlor_status greet(parlor_session *session, uint64_t peer) {
    const parlor_channel_options options = {.struct_size = sizeof options};
    uint64_t channel = 0;
    const parlor_status status =
        parlor_session_open_channel(session, peer, parlor_str_of("greeting"), &options, &channel);
    return status ? status : parlor_session_send(session, peer, parlor_str_of("{\"text\":\"hello, you\"}"), NULL);
}

/* What happens in the channel, on the session's own thread; the session is told by its address. */
static void on_event(void *userdata, const parlor_event *e) {
    static const char straight[] = "hello, straight";
    parlor_session *session = *(parlor_session **)userdata;
    parlor_status status = PARLOR_STATUS_OK;
    switch (e->type) {
    case PARLOR_EVENT_JOINED:
        printf("joined %.*s\n", (int)e->channel.len, e->channel.data);
        status = parlor_session_send(session, 0, parlor_str_of("{\"text\":\"hello, all\"}"), NULL);
        break;
    case PARLOR_EVENT_PEER_JOINED:
        printf("peer %" PRIu64 " is %.*s\n", e->peer_id, (int)e->wire_id.len, e->wire_id.data);
        status = greet(session, e->peer_id);
        break;
    case PARLOR_EVENT_DATA:
        printf("peer %" PRIu64 " to %s: %.*s\n", e->peer_id,
               e->message_kind == PARLOR_MESSAGE_KIND_DIRECT ? "me" : "all", (int)e->data.len, e->data.data);
        break;
    case PARLOR_EVENT_CHANNEL_OPEN:
        if (!e->incoming) {
            status = parlor_session_send_channel(session, e->channel_id, (const uint8_t *)straight,
                                                 sizeof straight - 1, 0);
        }
        break;
    case PARLOR_EVENT_CHANNEL_MESSAGE:
        printf("peer %" PRIu64 " on its channel: %.*s\n", e->peer_id, (int)e->data.len, e->data.data);
        break;
    case PARLOR_EVENT_REQUEST_DONE:
        if (e->status != PARLOR_STATUS_OK) {
            fprintf(stderr, "message: %.*s\n", (int)e->text.len, e->text.data);
        }
        break;
    default: break;
    }
    if (status != PARLOR_STATUS_OK) {
        fprintf(stderr, "message: %s\n", parlor_last_error_message());
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
        fprintf(stderr, "usage: message <url> <key> <channel> [--seconds N]\n");
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
        fprintf(stderr, "message: %s\n", parlor_last_error_message());
    }
    parlor_session_destroy(session); /* leaves */
    return status == PARLOR_STATUS_OK ? 0 : 1;
}
