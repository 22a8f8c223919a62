/* Joins a channel and shows who is there: room <url> <key> <channel> [--seconds N]. */
#include "room.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
        fprintf(stderr, "usage: room <url> <key> <channel> [--seconds N]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    static room here;
    parlor_status status = room_create(&here, argv[1], argv[2]);
    status = status ? status : room_join(&here, argv[3]);
    if (status == PARLOR_STATUS_OK) {
        wait_for_the_end(argc, argv);
        status = room_leave(&here);
    }
    if (status != PARLOR_STATUS_OK) {
        fprintf(stderr, "room: %s\n", parlor_status_name(status));
    }
    room_release(&here);
    return status == PARLOR_STATUS_OK ? 0 : 1;
}
