// A camera and a microphone in a channel, and who else is there.
#pragma once

#include <parlor.hpp>

#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>

class Room {
public:
    Room(const std::string &url, const std::string &key) : session_(config(url, key), handlers()) {
        // A test pattern and a tone stand for the devices. The others get the metadata with the stream.
        parlor::Stream camera;
        camera.add(parlor::VideoSource::test_pattern(640, 360, 30));
        camera.add(parlor::AudioSource::tone(440));
        session_.add(camera, R"({"role":"camera"})");
    }

    void join(const std::string &channel) { wait(session_.join(channel)); }

    // A room that has not left when it is destroyed leaves then.
    void leave() { wait(session_.leave()); }

private:
    static parlor::Config config(const std::string &url, const std::string &key) {
        parlor::Config config;
        config.url = url;
        config.credential = key;
        return config;
    }

    // Called on the session's own thread, one at a time.
    parlor::Handlers handlers() {
        parlor::Handlers on;
        on.joined = [](auto name, auto channel) { print("joined " + text(channel) + " as " + text(name)); };
        on.left = [](auto reason) { print("left" + (reason.empty() ? "" : ": " + text(reason))); };
        on.peer_joined = [this](auto peer, auto name, auto) {
            names_[peer] = name;
            print(names_[peer] + " joined");
        };
        on.peer_state_change = [this](auto peer, auto, auto to) {
            print(names_[peer] + " is " + parlor_peer_state_name(to));
        };
        on.stream_added = [this](auto peer, auto, auto metadata) {
            print(names_[peer] + " sends " + text(metadata));
        };
        on.stream_removed = [this](auto peer, auto) { print(names_[peer] + " sends a stream no more"); };
        on.peer_left = [this](auto peer) {
            print(names_[peer] + " left");
            names_.erase(peer);
        };
        on.error = [](auto, auto message) { print("error: " + text(message)); };
        on.request_done = [this](auto request, auto status, auto message) {
            const std::lock_guard<std::mutex> lock(mutex_);
            outcomes_.emplace(request, parlor::Error(status, text(message)));
            done_.notify_all();
        };
        return on;
    }

    // Waits for the end of a request and throws when it failed.
    void wait(std::uint64_t request) {
        std::unique_lock<std::mutex> lock(mutex_);
        done_.wait(lock, [&] { return outcomes_.count(request) != 0; });
        const parlor::Error outcome = outcomes_.extract(request).mapped();
        if (outcome.status() != PARLOR_STATUS_OK) {
            throw outcome;
        }
    }

    static std::string text(std::string_view view) { return std::string(view); }
    static void print(const std::string &line) { std::puts(line.c_str()); }

    // What the others call themselves on the wire, by the number that events carry.
    std::map<std::uint64_t, std::string> names_;
    std::mutex mutex_;
    std::condition_variable done_;
    std::map<std::uint64_t, parlor::Error> outcomes_;
    // Last, so that it goes first: no handler runs once it is gone.
    parlor::Session session_;
};
