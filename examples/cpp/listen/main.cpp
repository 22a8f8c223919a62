// Joins a channel without media of its own and prints what it hears and sees: listen <url> <key> <channel>
// [--seconds N].
#include <parlor.hpp>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <unistd.h>

namespace {

// How loud a track is, once a second. Called on the playout thread, every 20 ms.
void hear(std::uint64_t track, unsigned &frames, const parlor_audio_frame &frame) {
    if (frames++ % 50 != 0) {
        return;
    }
    double sum = 0;
    for (std::size_t i = 0; i < frame.sample_count; i++) {
        sum += std::pow(frame.samples[i], 2);
    }
    const double root = std::sqrt(sum / static_cast<double>(frame.sample_count));
    std::printf("track %llu: %.0f dBFS\n", static_cast<unsigned long long>(track),
                20 * std::log10(std::max(root, 1.0) / 32767));
}

// What pictures come, once a second or so. Called on a media thread.
void look(std::uint64_t track, unsigned &pictures, const parlor::VideoFrame &frame) {
    if (pictures++ % 30 == 0) {
        std::printf("track %llu: picture %u, %ux%u, top left %u\n", static_cast<unsigned long long>(track), pictures,
                    frame.width(), frame.height(), unsigned{frame.plane(0).data[0]});
    }
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
        std::fprintf(stderr, "usage: listen <url> <key> <channel> [--seconds N]\n");
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    try {
        parlor::Config config;
        config.url = argv[1];
        config.credential = argv[2];
        std::optional<parlor::Session> session;
        parlor::Handlers on;
        on.joined = [](auto, auto channel) {
            std::printf("listening in %.*s\n", static_cast<int>(channel.size()), channel.data());
        };
        on.track_added = [&](auto, auto, auto track, auto kind) {
            auto count = std::make_shared<unsigned>(0);
            if (kind == PARLOR_MEDIA_KIND_AUDIO) {
                session->set_audio_sink(track, {[=](const auto &frame) { hear(track, *count, frame); }, nullptr});
            } else {
                session->set_video_sink(track, {[=](const auto &frame) { look(track, *count, frame); }, nullptr});
            }
        };
        on.request_done = [](auto, auto status, auto message) {
            if (status != PARLOR_STATUS_OK) {
                std::fprintf(stderr, "listen: %.*s\n", static_cast<int>(message.size()), message.data());
            }
        };
        session.emplace(config, on);
        session->join(argv[3]);
        wait_for_the_end(argc, argv);
    } catch (const parlor::Error &error) {
        std::fprintf(stderr, "listen: %s\n", error.what());
        return 1;
    }
    return 0; // the session has left
}
