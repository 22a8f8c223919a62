// The C++ layer: handles that release themselves, failures as exceptions, callbacks as functions.
#include <parlor.hpp>

#include "check.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>

namespace {

constexpr const char *no_server = "ws://127.0.0.1:9";

static_assert(!std::is_copy_constructible_v<parlor::Session> && std::is_nothrow_move_constructible_v<parlor::Session>);
static_assert(!std::is_copy_constructible_v<parlor::Stream> && std::is_nothrow_move_constructible_v<parlor::Stream>);
static_assert(!std::is_copy_constructible_v<parlor::VideoSource> && std::is_move_assignable_v<parlor::VideoSource>);
static_assert(!std::is_copy_constructible_v<parlor::AudioSource> && std::is_move_assignable_v<parlor::AudioSource>);
static_assert(!std::is_copy_constructible_v<parlor::Engine> && std::is_move_assignable_v<parlor::Engine>);
static_assert(std::is_copy_constructible_v<parlor::VideoFrame>, "frames share their pixels");

template <typename Body> void check_throws(parlor_status expected, Body body) {
    try {
        body();
    } catch (const parlor::Error &error) {
        CHECK(error.status() == expected);
        CHECK(std::string(error.what()) == parlor_last_error_message());
        return;
    }
    CHECK(!"threw nothing");
}

// A value that one thread sets, the first time for good, and another waits for.
template <typename Value> class Signal {
public:
    void set(Value value) {
        const std::lock_guard<std::mutex> lock(mutex_);
        value_ = value_.value_or(value);
        changed_.notify_all();
    }

    Value wait() {
        std::unique_lock<std::mutex> lock(mutex_);
        CHECK(changed_.wait_for(lock, std::chrono::seconds(30), [&] { return value_.has_value(); }));
        return *value_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<Value> value_;
};

parlor::Config config() {
    parlor::Config config;
    config.url = no_server;
    config.credential = "pk";
    config.ice_servers = {{{"stun:127.0.0.1:9", "turn:127.0.0.1:9"}, "user", "secret"}};
    config.video_codecs = {PARLOR_CODEC_VP8};
    return config;
}

parlor_video_planes rgba(const std::array<std::uint8_t, 16> &pixels) {
    auto planes = parlor::make<parlor_video_planes>();
    planes.format = PARLOR_PIXEL_FORMAT_RGBA;
    planes.plane_count = 1;
    planes.width = 2;
    planes.height = 2;
    planes.planes[0] = {pixels.data(), pixels.size(), 8};
    return planes;
}

void failures_are_exceptions() {
    check_throws(PARLOR_STATUS_INVALID_ARGUMENT, [] {
        auto bad = config();
        bad.url = "nonsense";
        parlor::Session session(bad, {});
    });
    check_throws(PARLOR_STATUS_MEDIA_FILE, [] { parlor::VideoSource::from_file("/no/such/file.ivf"); });
    check_throws(PARLOR_STATUS_MEDIA_FILE, [] { parlor::Reference::from_file("/no/such/file.ivf"); });
    check_throws(PARLOR_STATUS_INVALID_ARGUMENT, [] { parlor::AudioSource source(3); });
    check_throws(PARLOR_STATUS_INVALID_ARGUMENT, [] { parlor::VideoFrame frame(parlor::make<parlor_video_planes>()); });
}

void frames_share_their_pixels() {
    const std::array<std::uint8_t, 16> pixels{{1, 2, 3, 4}};
    parlor::VideoFrame frame(rgba(pixels));
    parlor::VideoFrame copy = frame;
    CHECK(copy.plane(0).data == frame.plane(0).data);
    frame = parlor::VideoFrame(rgba(pixels));
    CHECK(copy.plane(0).data != frame.plane(0).data);
    CHECK(copy.width() == 2 && copy.height() == 2 && copy.format() == PARLOR_PIXEL_FORMAT_RGBA);
    CHECK(copy.timestamp_us() <= parlor::time_us());
    const auto packed = copy.convert(PARLOR_PIXEL_FORMAT_RGBA);
    CHECK(packed.size() == pixels.size() && packed[1] == 2);
    CHECK(copy.convert(PARLOR_PIXEL_FORMAT_I420).size() == 4 + 1 + 1);
    check_throws(PARLOR_STATUS_INVALID_ARGUMENT, [&] { copy.plane(1); });

    parlor::VideoSource source;
    source.push(copy);
    source.push(rgba(pixels));
    CHECK(source.frames() == 2);
    check_throws(PARLOR_STATUS_INVALID_FRAME,
                 [&] { parlor::Reference::test_pattern(64, 64).psnr(copy); });
}

void sources_are_moved_and_added() {
    parlor::Stream stream;
    parlor::VideoSource pattern = parlor::VideoSource::test_pattern(64, 64, 30);
    parlor::VideoSource moved = std::move(pattern);
    const std::uint64_t video = stream.add(moved);
    const std::uint64_t audio = stream.add(parlor::AudioSource::tone(440));
    CHECK(video != 0 && audio > video && stream.id() != 0);

    parlor::AudioSource sound(1);
    sound.push(std::vector<std::int16_t>(480), 1);
    sound.push(std::vector<float>(480), 1, parlor::time_us());
    auto packet = parlor::make<parlor_encoded_frame>();
    packet.codec = PARLOR_CODEC_OPUS;
    check_throws(PARLOR_STATUS_INVALID_STATE, [&] { sound.push_encoded(packet); });
}

void an_observer_goes_with_its_source() {
    auto alive = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = alive;
    {
        parlor::VideoSource source = parlor::VideoSource::encoded(
            PARLOR_CODEC_VP8, {[alive] { ++*alive; }, [alive](std::uint64_t rate) { *alive = rate > 0; }});
        alive.reset();
        CHECK(!watched.expired());
    }
    CHECK(watched.expired());
    check_throws(PARLOR_STATUS_UNSUPPORTED_CODEC, [] { parlor::VideoSource::encoded(PARLOR_CODEC_OPUS, {}); });
}

void events_reach_their_handlers_and_exceptions_end_there() {
    Signal<parlor_state> state;
    std::atomic<int> events{0};
    parlor::Handlers handlers;
    handlers.event = [&](const parlor_event &event) {
        CHECK(event.struct_size >= sizeof event);
        events += 1;
    };
    handlers.state_change = [&](parlor_state from, parlor_state to) {
        CHECK(from == PARLOR_STATE_IDLE || to != PARLOR_STATE_JOINING);
        state.set(to);
        throw std::runtime_error("ends here");
    };
    Signal<parlor_status> done;
    handlers.request_done = [&](std::uint64_t request, parlor_status status, std::string_view) {
        CHECK(request != 0);
        done.set(status);
    };
    parlor::Session session(config(), std::move(handlers));
    CHECK(session.state() == PARLOR_STATE_IDLE && session.peers().empty());
    check_throws(PARLOR_STATUS_INVALID_STATE, [&] { session.peer_id(); });
    parlor::Stream stream;
    stream.add(parlor::VideoSource());
    session.add(stream, "{\"role\":\"camera\"}");
    check_throws(PARLOR_STATUS_INVALID_ARGUMENT, [&] { session.add(stream, "not json"); });
    session.remove_stream(stream.id());
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { session.remove_stream(stream.id()); });
    CHECK(session.join("lobby") != 0);
    CHECK(state.wait() == PARLOR_STATE_JOINING);
    CHECK(session.leave() != 0);
    done.wait();

    parlor::Session moved = std::move(session);
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { moved.send_to(99, "{}"); });
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { moved.open_channel(99, "chat"); });
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { moved.send_text(99, "hi"); });
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { moved.send_bytes(99, "hi", 2); });
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { moved.close_channel(99); });
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { moved.channel_buffered_amount(99); });
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { moved.set_video_sink(99, {[](const parlor::VideoFrame &) {}, {}}); });
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { moved.clear_audio_sink(99); });
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { moved.peer_stats(99); });
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { moved.track_stats(99); });
    check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { moved.peer_wire_id(99); });
    moved.close();
    const int before = events;
    check_throws(PARLOR_STATUS_CLOSED, [&] { moved.join("lobby"); });
    CHECK(moved.state() == PARLOR_STATE_CLOSED && events == before);
}

void a_session_may_end_inside_its_handler() {
    struct Owner {
        std::optional<parlor::Session> session;
        std::shared_ptr<Signal<bool>> ended;
        ~Owner() { ended->set(true); }
    };
    auto ended = std::make_shared<Signal<bool>>();
    auto owner = std::make_shared<Owner>();
    owner->ended = ended;
    parlor::Handlers handlers;
    Signal<bool> join_returned;
    handlers.state_change = [owner, &join_returned](parlor_state, parlor_state) {
        join_returned.wait();
        owner->session.reset();
    };
    owner->session.emplace(config(), std::move(handlers));
    owner->session->join("lobby");
    owner.reset();
    join_returned.set(true);
    CHECK(ended->wait());
}

void an_engine_serves_several_sessions() {
    const parlor::Engine engine(true);
    auto on_engine = config();
    on_engine.engine = &engine;
    parlor::Session first(on_engine, {});
    parlor::Session second(on_engine, {});
    first = std::move(second);
    CHECK(first.state() == PARLOR_STATE_IDLE);
    CHECK(!parlor::version().empty());
    check_throws(PARLOR_STATUS_INVALID_ARGUMENT, [] { parlor::Engine(false, {"nowhere"}); });
    const parlor::Engine bound(false, {"127.0.0.1"});
}

void a_playout_is_silent_and_what_is_alive_is_counted() {
    const auto before = parlor::live_objects();
    const parlor::AudioPlayout playout;
    std::vector<std::int16_t> samples(4, 7);
    CHECK(playout.pull(samples.data(), samples.size()) == 0 && samples[3] == 0);
    {
        parlor::Session session(config(), {});
        check_throws(PARLOR_STATUS_UNKNOWN_ID, [&] { session.play(99, playout); });
        parlor::Stream stream;
        CHECK(parlor::live_objects().sessions == before.sessions + 1);
        CHECK(parlor::live_objects().streams == before.streams + 1);
    }
    CHECK(parlor::live_objects().sessions == before.sessions);
    CHECK(parlor::live_objects().streams == before.streams);
}

/* Resident memory of this process in KiB. */
long resident_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind("VmRSS:", 0) == 0) {
            return std::stol(line.substr(6));
        }
    }
    return 0;
}

void sessions_that_come_and_go_leave_nothing() {
    // Fewer where time is slower, such as under Valgrind.
    const int sessions = PARLOR_TEST_RATE < 30 ? 50 : 1000;
    [[maybe_unused]] constexpr long MOST_GROWTH_KIB = 32 * 1024;
    const parlor::Engine engine;
    auto on_engine = config();
    on_engine.engine = &engine;
    const auto before = parlor::live_objects();
    [[maybe_unused]] long settled = 0;
    for (int index = 0; index < sessions; index++) {
        parlor::Session session(on_engine, {});
        parlor::Stream stream;
        stream.add(parlor::VideoSource());
        session.add(stream);
        session.join("lobby");
        if (index == sessions / 10) {
            settled = resident_kib();
        }
    }
    const auto after = parlor::live_objects();
    CHECK(after.sessions == before.sessions && after.streams == before.streams);
#ifndef __SANITIZE_ADDRESS__ // which keeps what was freed, to find who still uses it
    CHECK(resident_kib() - settled < MOST_GROWTH_KIB);
#endif
}

void a_join_that_is_taken_back_ends_cancelled() {
    Signal<parlor_status> join_ended;
    std::atomic<std::uint64_t> joining{0};
    parlor::Handlers handlers;
    handlers.request_done = [&](std::uint64_t request, parlor_status status, std::string_view) {
        while (joining == 0) {
            std::this_thread::yield();
        }
        if (request == joining) {
            join_ended.set(status);
        }
    };
    parlor::Session session(config(), std::move(handlers));
    const std::uint64_t request = session.join("lobby");
    session.leave();
    joining = request;
    CHECK(join_ended.wait() == PARLOR_STATUS_CANCELLED);
}

void a_log_sink_goes_when_another_comes_or_none() {
    auto alive = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = alive;
    parlor::set_log_sink(PARLOR_LOG_LEVEL_WARN, [alive](parlor_log_level, std::string_view, std::string_view) {});
    alive = std::make_shared<int>(0);
    const std::weak_ptr<int> second = alive;
    CHECK(!watched.expired());
    parlor::set_log_sink(PARLOR_LOG_LEVEL_TRACE, [alive](parlor_log_level, std::string_view, std::string_view) {});
    alive.reset();
    CHECK(watched.expired() && !second.expired());
    parlor::clear_log_sink();
    CHECK(second.expired());
}

} // namespace

int main() {
    failures_are_exceptions();
    frames_share_their_pixels();
    sources_are_moved_and_added();
    an_observer_goes_with_its_source();
    events_reach_their_handlers_and_exceptions_end_there();
    a_session_may_end_inside_its_handler();
    an_engine_serves_several_sessions();
    a_playout_is_silent_and_what_is_alive_is_counted();
    a_log_sink_goes_when_another_comes_or_none();
    sessions_that_come_and_go_leave_nothing();
    a_join_that_is_taken_back_ends_cancelled();
}
