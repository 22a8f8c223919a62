// One session of the C++ library for the conformance tests, driven by lines of JSON.
//
// Reads commands, {"id", "call", ...}, and writes lines: {"id", "value"} or {"id", "error", "message"} for each, and
// {"event": {"name", "at", ...}} for what the session tells, with peers by their ids on the wire; the same as
// tests/conformance/engine.
#include <parlor.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

namespace {

using nlohmann::json;

// A picture that a busy machine can carry several times.
constexpr std::uint32_t WIDTH = 320, HEIGHT = 180, RATE = 15;
constexpr float TONE_HZ = 440;
constexpr double LOUD_DBFS = -40;

void write(const json &line) {
    static std::mutex mutex;
    const std::lock_guard<std::mutex> lock(mutex);
    std::cout << line.dump() << std::endl;
}

double now_ms() { return static_cast<double>(parlor::time_us()) / 1000; }

parlor::Error unknown(const std::string &what) { return {PARLOR_STATUS_UNKNOWN_ID, "there is no " + what}; }

// A status as the protocol spells codes, such as invalid_argument.
std::string code(parlor_status status) {
    std::string name = parlor_status_name(status);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

const char *kind_name(std::int32_t kind) { return kind == PARLOR_MEDIA_KIND_VIDEO ? "video" : "audio"; }

// Metadata and messages, which are JSON; null where there is none.
json parse(parlor_str text) { return text.data == nullptr ? json() : json::parse(parlor::view(text)); }

std::string hex(std::string_view bytes) {
    static const char *digits = "0123456789abcdef";
    std::string text;
    for (const char byte : bytes) {
        const auto value = static_cast<unsigned char>(byte);
        text += {digits[value >> 4], digits[value & 15]};
    }
    return text;
}

std::string bytes_of(const std::string &text) {
    std::string bytes;
    for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
        bytes += static_cast<char>(std::stoi(text.substr(at, 2), nullptr, 16));
    }
    return bytes;
}

// What came of all tracks that a peer has sent so far.
class Received {
public:
    void picture() {
        const std::lock_guard<std::mutex> lock(mutex_);
        const double now = now_ms();
        if (!first_picture_) {
            first_picture_ = now;
        } else {
            longest_pause_ = std::max(longest_pause_, now - last_picture_);
        }
        last_picture_ = now;
        pictures_ += 1;
    }

    void sound(const parlor_audio_frame &frame) {
        double energy = 0;
        for (std::size_t i = 0; i < frame.sample_count; i++) {
            energy += std::pow(frame.samples[i] / 32768.0, 2);
        }
        const std::lock_guard<std::mutex> lock(mutex_);
        loud_ += energy > 0 && 10 * std::log10(energy / static_cast<double>(frame.sample_count)) > LOUD_DBFS;
    }

    void packet() {
        const std::lock_guard<std::mutex> lock(mutex_);
        packets_ += 1;
    }

    // Returns the counts; the longest pause starts anew.
    json take() {
        const std::lock_guard<std::mutex> lock(mutex_);
        const json first = first_picture_ ? json(*first_picture_) : json();
        const auto pause = static_cast<std::uint64_t>(std::exchange(longest_pause_, 0));
        return {{"video", pictures_}, {"audio", packets_},       {"longestPauseMs", pause},
                {"loud", loud_},      {"firstPictureAt", first}};
    }

private:
    std::mutex mutex_;
    std::uint64_t pictures_ = 0, packets_ = 0, loud_ = 0;
    std::optional<double> first_picture_;
    double last_picture_ = 0, longest_pause_ = 0;
};

// The session of this process, and what its listener has learnt.
class Peer {
public:
    // Carries out a command and returns what it answers.
    json answer(const json &command) {
        static const std::map<std::string, json (Peer::*)(const json &)> calls = {
            {"create", &Peer::create},
            {"provide-token", &Peer::provide_token},
            {"join", &Peer::join},
            {"leave", &Peer::leave},
            {"close", &Peer::close},
            {"add-stream", &Peer::add_stream},
            {"remove-stream", &Peer::remove_stream},
            {"send", &Peer::send},
            {"open-channel", &Peer::open_channel},
            {"send-on-channel", &Peer::send_on_channel},
            {"fill-channel", &Peer::fill_channel},
            {"close-channel", &Peer::close_channel},
            {"state", &Peer::state},
            {"received", &Peer::received},
            {"peer-stats", &Peer::peer_stats},
            {"track-stats", &Peer::track_stats},
        };
        return (this->*calls.at(command.at("call")))(command);
    }

private:
    json create(const json &options) {
        parlor::Config config;
        config.url = options.at("url");
        if (options.contains("key")) {
            config.credential = options["key"];
        } else if (options.contains("token")) {
            config.credential_kind = PARLOR_CREDENTIAL_TOKEN;
            config.credential = options["token"];
        } else {
            config.credential_kind = PARLOR_CREDENTIAL_TOKEN_ON_DEMAND;
        }
        config.include_sender_metadata = options.value("include_sender_metadata", false);
        engine_.emplace(false, options.value("addresses", std::vector<std::string>()));
        config.engine = &*engine_;
        parlor::Handlers handlers;
        handlers.event = [this](const parlor_event &event) { on_event(event); };
        session_.emplace(config, std::move(handlers));
        return {};
    }

    json provide_token(const json &command) {
        const json token = command.value("token", json());
        // An empty one says that there is none.
        session().provide_token(command.at("request"), token.is_null() ? "" : token.get<std::string>());
        return {};
    }

    json join(const json &command) { return session().join(command.at("channel").get<std::string>()); }

    json leave(const json &) { return session().leave(); }

    json close(const json &) {
        session().close();
        return {};
    }

    json add_stream(const json &command) {
        parlor::Stream stream;
        for (const json &kind : command.at("tracks")) {
            if (kind == "audio") {
                stream.add(parlor::AudioSource::tone(TONE_HZ));
            } else {
                stream.add(parlor::VideoSource::test_pattern(WIDTH, HEIGHT, RATE));
            }
        }
        const json metadata = command.value("metadata", json());
        session().add(stream, metadata.is_null() ? "" : metadata.dump());
        added_[command.at("stream")] = stream.id();
        return {};
    }

    json remove_stream(const json &command) {
        const auto found = added_.find(command.at("stream").get<std::string>());
        if (found == added_.end()) {
            throw unknown("such stream");
        }
        session().remove_stream(found->second);
        added_.erase(found);
        return {};
    }

    json send(const json &command) {
        const std::string text = command.value("data", json()).dump();
        const json to = command.value("to", json());
        return to.is_null() ? session().send(text) : session().send_to(peer(to), text);
    }

    json open_channel(const json &command) {
        auto options = parlor::make<parlor_channel_options>();
        const json ordered = command.value("ordered", json()), most = command.value("max_retransmits", json());
        options.unordered = ordered == json(false);
        if (!most.is_null()) {
            options.has_max_retransmits = 1;
            options.max_retransmits = most;
        }
        const std::string label = command.at("label");
        const std::uint64_t channel = session().open_channel(peer(command.at("to")), label, options);
        const std::lock_guard<std::mutex> lock(mutex_);
        channels_[channel] = label;
        return channel;
    }

    json send_on_channel(const json &command) {
        const std::uint64_t channel = command.at("channel");
        const std::string bytes = bytes_of(command.value("bytes", ""));
        const bool taken = command.contains("text")
                               ? session().send_text(channel, command["text"].get<std::string>())
                               : session().send_bytes(channel, bytes.data(), bytes.size());
        if (!taken) {
            throw parlor::Error(PARLOR_STATUS_BUSY, "the channel is full");
        }
        return {};
    }

    json fill_channel(const json &command) {
        const std::string text(command.at("bytes").get<std::size_t>(), 'x');
        const std::uint32_t messages = command.at("messages");
        std::uint32_t taken = 0;
        while (taken < messages && session().send_text(command.at("channel"), text)) {
            taken += 1;
        }
        return taken;
    }

    json close_channel(const json &command) {
        session().close_channel(command.at("channel"));
        return {};
    }

    json state(const json &) {
        json remotes = json::array();
        for (const std::uint64_t id : session().peers()) {
            remotes.push_back({{"id", session().peer_wire_id(id)},
                               {"state", parlor_peer_state_name(session().peer_state(id))},
                               {"object", id}});
        }
        const std::string id = session().peer_id();
        const char *state = parlor_state_name(session().state());
        return {{"state", state}, {"id", id.empty() ? json() : json(id)}, {"remotes", remotes}};
    }

    json received(const json &command) { return received_of(command.at("peer")).take(); }

    json peer_stats(const json &command) {
        const parlor_peer_stats stats = session().peer_stats(peer(command.at("peer")));
        const json round_trip =
            stats.round_trip_us == 0 ? json() : json(static_cast<double>(stats.round_trip_us) / 1000);
        return {{"roundTripMs", round_trip},
                {"bytesSent", stats.bytes_sent},
                {"bytesReceived", stats.bytes_received},
                {"packetsReceived", stats.packets_received},
                {"packetsLost", stats.packets_lost}};
    }

    json track_stats(const json &) {
        std::map<std::uint64_t, Track> tracks;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            tracks = tracks_;
        }
        json all = json::array();
        for (const auto &[id, track] : tracks) {
            const parlor_track_stats stats = session().track_stats(id);
            all.push_back({{"peer", track.peer},
                           {"track", id},
                           {"kind", stats.media_kind == 0 ? json() : json(kind_name(stats.media_kind))},
                           {"codec", stats.codec == 0 ? json() : json(parlor_codec_name(stats.codec))},
                           {"framesDecoded", stats.frames_decoded},
                           {"freezes", stats.freezes},
                           {"packetsReceived", stats.packets_received},
                           {"packetsLost", stats.packets_lost},
                           {"levelDbfs", stats.level_dbfs}});
        }
        return all;
    }

    struct Track {
        std::string peer;
        std::int32_t kind;
    };

    parlor::Session &session() {
        if (!session_) {
            throw unknown("session yet");
        }
        return *session_;
    }

    // Finds a peer that is in the channel by its id on the wire.
    std::uint64_t peer(const std::string &wire_id) {
        for (const std::uint64_t id : session().peers()) {
            if (session().peer_wire_id(id) == wire_id) {
                return id;
            }
        }
        throw unknown("such peer");
    }

    Received &received_of(const std::string &peer) {
        const std::lock_guard<std::mutex> lock(mutex_);
        return received_[peer];
    }

    void on_event(const parlor_event &event) {
        json told = {{"name", parlor_event_type_name(event.type)}, {"at", now_ms()}};
        told.update(details(event));
        for (auto it = told.begin(); it != told.end();) {
            it = it->is_null() ? told.erase(it) : std::next(it);
        }
        write({{"event", told}});
        if (event.type == PARLOR_EVENT_TRACK_ADDED) {
            receive(event);
        }
    }

    void receive(const parlor_event &event) {
        // A map's values stay where they are.
        Received &from = received_of(told_peer(event.peer_id));
        if (event.media_kind == PARLOR_MEDIA_KIND_VIDEO) {
            session().set_video_sink(event.track_id, {[&from](const auto &) { from.picture(); }, nullptr});
        } else {
            session().set_audio_sink(event.track_id, {[&from](const parlor_audio_frame &it) { from.sound(it); },
                                                      [&from](const auto &) { from.packet(); }});
        }
    }

    std::string told_peer(std::uint64_t id) {
        const std::lock_guard<std::mutex> lock(mutex_);
        return peers_[id];
    }

    // What to tell of an event beside its name.
    json details(const parlor_event &e) {
        const std::lock_guard<std::mutex> lock(mutex_);
        json told = json::object();
        if (e.type == PARLOR_EVENT_PEER_JOINED) {
            peers_[e.peer_id] = parlor::view(e.wire_id);
        }
        if (e.peer_id != 0) {
            told.update({{"peer", peers_[e.peer_id]}, {"object", e.peer_id}});
        }
        switch (e.type) {
        case PARLOR_EVENT_JOINED:
            told.update({{"peer", parlor::view(e.wire_id)}, {"channel", parlor::view(e.channel)}});
            break;
        case PARLOR_EVENT_LEFT: told["reason"] = e.text.data == nullptr ? json() : json(parlor::view(e.text)); break;
        case PARLOR_EVENT_STATE_CHANGE:
            told.update({{"from", parlor_state_name(e.from_state)}, {"to", parlor_state_name(e.to_state)}});
            break;
        case PARLOR_EVENT_PEER_STATE_CHANGE:
            told.update({{"from", parlor_peer_state_name(e.from_state)}, {"to", parlor_peer_state_name(e.to_state)}});
            break;
        case PARLOR_EVENT_PEER_JOINED: told["metadata"] = parse(e.metadata); break;
        case PARLOR_EVENT_STREAM_ADDED:
            streams_[e.stream_id] = parlor::view(e.wire_id);
            told["metadata"] = parse(e.metadata);
            [[fallthrough]];
        case PARLOR_EVENT_STREAM_REMOVED: told["stream"] = streams_[e.stream_id]; break;
        case PARLOR_EVENT_TRACK_ADDED:
            tracks_[e.track_id] = {peers_[e.peer_id], e.media_kind};
            [[fallthrough]];
        case PARLOR_EVENT_TRACK_REMOVED:
            told.update({{"stream", streams_[e.stream_id]},
                         {"track", e.track_id},
                         {"kind", kind_name(tracks_[e.track_id].kind)}});
            if (e.type == PARLOR_EVENT_TRACK_REMOVED) {
                tracks_.erase(e.track_id);
            }
            break;
        case PARLOR_EVENT_DATA:
            told.update({{"data", parse(e.data)},
                         {"kind", e.message_kind == PARLOR_MESSAGE_KIND_DIRECT ? "direct" : "broadcast"},
                         {"senderMetadata", parse(e.metadata)}});
            break;
        case PARLOR_EVENT_CHANNEL_OPEN:
            channels_[e.channel_id] = parlor::view(e.label);
            told["incoming"] = e.incoming != 0;
            break;
        case PARLOR_EVENT_CHANNEL_MESSAGE:
            told[e.binary != 0 ? "bytes" : "text"] =
                e.binary != 0 ? hex(parlor::view(e.data)) : std::string(parlor::view(e.data));
            break;
        case PARLOR_EVENT_REQUEST_DONE:
        case PARLOR_EVENT_TOKEN_NEEDED: told["request"] = e.request_id; break;
        case PARLOR_EVENT_NEGOTIATION_ERROR: told["message"] = parlor::view(e.text); break;
        case PARLOR_EVENT_GOING_AWAY: told["retryAfterMs"] = e.retry_after_ms; break;
        default: break;
        }
        if (e.channel_id != 0) {
            told.update({{"channel", e.channel_id}, {"label", channels_[e.channel_id]}});
        }
        if (e.status != PARLOR_STATUS_OK) {
            told.update({{"error", code(e.status)}, {"message", parlor::view(e.text)}});
        }
        return told;
    }

    std::map<std::string, std::uint64_t> added_;
    // Guards what the listener writes, by the ids of events: also of peers that have left.
    std::mutex mutex_;
    std::map<std::uint64_t, std::string> peers_, streams_, channels_;
    std::map<std::uint64_t, Track> tracks_;
    std::map<std::string, Received> received_;
    std::optional<parlor::Engine> engine_;
    // Last: its callbacks use all of the above, and have ended once it is gone.
    std::optional<parlor::Session> session_;
};

} // namespace

int main() {
    Peer peer;
    for (std::string line; std::getline(std::cin, line);) {
        const json command = json::parse(line);
        try {
            write({{"id", command.at("id")}, {"value", peer.answer(command)}});
        } catch (const parlor::Error &error) {
            write({{"id", command.at("id")}, {"error", code(error.status())}, {"message", error.what()}});
        }
    }
    return 0;
}
