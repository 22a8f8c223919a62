// Sends to all, to one, and on a data channel, and prints what comes: message <url> <key> <channel> [--seconds N].
#include <parlor.hpp>

#include <csignal>
#include <cstdio>
#include <optional>
#include <unistd.h>

namespace {

void print(const std::string &line) { std::puts(line.c_str()); }
std::string name(std::uint64_t peer) { return "peer " + std::to_string(peer); }

// What happens in the channel, on the session's own thread.
parlor::Handlers handlers(std::optional<parlor::Session> &session) {
    parlor::Handlers on;
    on.joined = [&](auto, auto channel) {
        print("joined " + std::string(channel));
        session->send(R"({"text":"hello, all"})");
    };
    // Who comes is greeted through the server, and straight: a data channel carries what the server does not see.
    on.peer_joined = [&](auto peer, auto wire_id, auto) {
        print(name(peer) + " is " + std::string(wire_id));
        session->open_channel(peer, "greeting");
        session->send_to(peer, R"({"text":"hello, you"})");
    };
    on.data = [](auto peer, auto data, auto kind) {
        const char *whom = kind == PARLOR_MESSAGE_KIND_DIRECT ? "me" : "all";
        print(name(peer) + " to " + whom + ": " + std::string(data));
    };
    on.channel_open = [&](auto, auto channel, auto, bool incoming) {
        if (!incoming) {
            session->send_text(channel, "hello, straight");
        }
    };
    on.channel_message = [](auto peer, auto, auto text, bool) {
        print(name(peer) + " on its channel: " + std::string(text));
    };
    on.request_done = [](auto, auto status, auto message) {
        if (status != PARLOR_STATUS_OK) {
            std::fprintf(stderr, "message: %.*s\n", static_cast<int>(message.size()), message.data());
        }
    };
    return on;
}

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
        std::fprintf(stderr, "usage: message <url> <key> <channel> [--seconds N]\n");
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    try {
        parlor::Config config;
        config.url = argv[1];
        config.credential = argv[2];
        std::optional<parlor::Session> session;
        session.emplace(config, handlers(session));
        session->join(argv[3]);
        wait_for_the_end(argc, argv);
    } catch (const parlor::Error &error) {
        std::fprintf(stderr, "message: %s\n", error.what());
        return 1;
    }
    return 0; // the session has left
}
