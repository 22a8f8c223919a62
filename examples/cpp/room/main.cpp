// Joins a channel and shows who is there: room <url> <key> <channel> [--seconds N].
#include "room.hpp"

#include <csignal>
#include <unistd.h>

namespace {

// Returns after `--seconds N`, at the end of the input, or at Ctrl-C.
void wait_for_the_end(int argc, char **argv) {
    struct sigaction action = {};
    action.sa_handler = [](int) {}; // interrupts what waits
    sigaction(SIGINT, &action, nullptr);
    if (argc == 6 && std::string(argv[4]) == "--seconds") {
        sleep(static_cast<unsigned>(std::stoul(argv[5])));
        return;
    }
    while (std::getchar() != EOF) {
    }
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 4) {
        std::fprintf(stderr, "usage: room <url> <key> <channel> [--seconds N]\n");
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    try {
        Room room(argv[1], argv[2]);
        room.join(argv[3]);
        wait_for_the_end(argc, argv);
        room.leave();
    } catch (const parlor::Error &error) {
        std::fprintf(stderr, "room: %s\n", error.what());
        return 1;
    }
    return 0;
}
