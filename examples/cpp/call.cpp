// Joins a channel by name, sends a clip and speech, receives what everyone else sends, and reports what came.
//
//   call --url ws://127.0.0.1:7080 --channel demo --video bunny.ivf --audio speech.ogg --name alice --out pictures
//
// From top to bottom: the options, what is noted down of each remote stream, the call itself, the report.

#include <parlor.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>

namespace {

// --- Options -----------------------------------------------------------------------------------------------------

struct Options {
    std::string url = "ws://127.0.0.1:7080";
    std::string key = "pk_dev";
    std::string channel = "demo";
    std::string name = "call";
    std::string video;     // VP8 in IVF; a test pattern without it
    std::string audio;     // Ogg Opus or WAV; a tone without it
    std::string reference; // the clip that the others send, to compare their pictures with
    std::string out = "."; // where pictures and sound of the others go
    double seconds = 10;
    bool json = false;
};

Options parse(int argc, char **argv) {
    Options options;
    std::map<std::string, std::string *> texts = {
        {"--url", &options.url},     {"--key", &options.key},     {"--channel", &options.channel},
        {"--name", &options.name},   {"--video", &options.video}, {"--audio", &options.audio},
        {"--out", &options.out},     {"--reference", &options.reference},
    };
    for (int i = 1; i < argc; i++) {
        const std::string option = argv[i];
        if (option == "--json") {
            options.json = true;
        } else if (i + 1 == argc) {
            throw std::invalid_argument(option + " is unknown or needs a value");
        } else if (option == "--seconds") {
            options.seconds = std::stod(argv[++i]);
        } else if (texts.count(option) != 0) {
            *texts[option] = argv[++i];
        } else {
            throw std::invalid_argument(option + " is unknown");
        }
    }
    return options;
}

// --- What is noted down ------------------------------------------------------------------------------------------

// A mean of decibels.
struct Mean {
    double sum = 0;
    int count = 0;

    void add(double value) {
        sum += value;
        count += 1;
    }
};

// One stream of a remote peer. The sinks fill it on media threads.
struct Remote {
    std::string peer; // its id on the wire
    std::string role;
    std::uint64_t video_track = 0;
    std::uint64_t audio_track = 0;

    std::mutex mutex; // guards what follows
    std::uint64_t frames = 0;
    std::uint64_t first_us = 0; // when the first and the last picture came
    std::uint64_t last_us = 0;
    std::optional<parlor::VideoFrame> last;
    std::optional<parlor::Reference> reference;
    Mean psnr;
    parlor_track_stats video = parlor::make<parlor_track_stats>(); // the engine's figures
    parlor_track_stats audio = parlor::make<parlor_track_stats>();
    double energy = 0; // of the sound, sampled now and then
    int energy_count = 0;

    void on_frame(const parlor::VideoFrame &frame) {
        const std::uint64_t now = parlor::time_us();
        const std::lock_guard<std::mutex> lock(mutex);
        first_us = frames == 0 ? now : first_us;
        last_us = now;
        frames += 1;
        last = frame;
        double db = 0;
        // A picture whose stamp is not readable is one that cannot be compared.
        if (reference && parlor_reference_psnr(reference->get(), frame.get(), &db) == PARLOR_STATUS_OK) {
            psnr.add(std::min(db, 99.0));
        }
    }

    double frames_per_second() const {
        return frames > 1 ? static_cast<double>(frames - 1) * 1e6 / static_cast<double>(last_us - first_us) : 0;
    }

    double level_db() const { return energy > 0 ? std::max(10 * std::log10(energy / energy_count), -127.0) : -127; }
};

// An event as it is printed: its name and what else it tells.
struct Note {
    double ms;
    std::string type;
    std::vector<std::pair<std::string, std::string>> details;
};

// Finds "role" in a stream's metadata. What this program sends is flat; a real app has a JSON parser.
std::string role_in(std::string_view metadata) {
    const std::string_view key = "\"role\":\"";
    const std::size_t start = metadata.find(key);
    if (start == std::string_view::npos) {
        return "";
    }
    metadata.remove_prefix(start + key.size());
    return std::string(metadata.substr(0, metadata.find('"')));
}

std::string quote(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        char escaped[8];
        if (c == '"' || c == '\\') {
            (out += '\\') += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
            out += escaped;
        } else {
            out += c;
        }
    }
    return out += '"';
}

// --- The call ----------------------------------------------------------------------------------------------------

class Call {
public:
    explicit Call(Options options) : options_(std::move(options)) {
        std::filesystem::create_directories(options_.out);
    }

    // Joins, stays and leaves; fails when the session did not get into the channel.
    void run() {
        parlor::Config config;
        config.url = options_.url;
        config.credential = options_.key;
        parlor::Handlers handlers;
        handlers.event = [this](const parlor_event &event) { note(event); };
        handlers.joined = [this](auto id, auto) { update([&] { peer_id_ = id; }); };
        handlers.left = [this](auto) { update([&] { left_ = true; }); };
        handlers.peer_joined = [this](auto peer, auto wire_id, auto) { update([&] { names_[peer] = wire_id; }); };
        handlers.stream_added = [this](auto peer, auto stream, auto metadata) { add(peer, stream, metadata); };
        handlers.track_added = [this](auto, auto stream, auto track, auto kind) { receive(stream, track, kind); };
        handlers.request_done = [this](auto, auto status, auto message) {
            update([&] { failure_ = status == PARLOR_STATUS_OK ? failure_ : std::string(message); });
        };
        handlers.error = [this](auto, auto message) { update([&] { failure_ = message; }); };

        session_.emplace(config, std::move(handlers));
        session_->add(stream(), "{\"role\":\"camera\"}");
        joined_us_ = parlor::time_us();
        session_->join(options_.channel);

        const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(options_.seconds);
        while (std::chrono::steady_clock::now() < end && !wait(0.25, [&] { return !failure_.empty(); })) {
            refresh();
        }
        refresh();
        session_->leave();
        wait(5, [&] { return left_; });
        session_->close(); // from here on nothing calls back

        if (peer_id_.empty()) {
            throw std::runtime_error(failure_.empty() ? "the session did not join in time" : failure_);
        }
        int number = 0;
        for (const auto &[stream, remote] : remotes_) {
            number += 1;
            if (remote->last) {
                remote->last->write_png(file(number, ".png"));
            }
        }
    }

    void print_table() const;
    void print_json() const;

private:
    parlor::Stream stream() const {
        parlor::Stream stream;
        stream.add(options_.video.empty() ? parlor::VideoSource::test_pattern(1280, 720, 30)
                                          : parlor::VideoSource::from_file(options_.video));
        stream.add(options_.audio.empty() ? parlor::AudioSource::tone(440)
                                          : parlor::AudioSource::from_file(options_.audio));
        return stream;
    }

    std::string file(int number, const char *end) const {
        return (std::filesystem::path(options_.out) / (options_.name + "-" + std::to_string(number) + end)).string();
    }

    // A remote stream was announced; its tracks follow.
    void add(std::uint64_t peer, std::uint64_t stream, std::string_view metadata) {
        auto remote = std::make_shared<Remote>();
        remote->role = role_in(metadata);
        if (!options_.reference.empty()) {
            remote->reference = parlor::Reference::from_file(options_.reference);
        }
        update([&] {
            remote->peer = names_[peer];
            remotes_[stream] = remote;
        });
    }

    // A remote track is there: pictures go to on_frame, sound into a file.
    void receive(std::uint64_t stream, std::uint64_t track, parlor_media_kind kind) {
        std::shared_ptr<Remote> remote;
        int number = 0;
        update([&] {
            const auto found = remotes_.find(stream);
            remote = found->second;
            number = static_cast<int>(std::distance(remotes_.begin(), found)) + 1;
            (kind == PARLOR_MEDIA_KIND_VIDEO ? remote->video_track : remote->audio_track) = track;
        });
        if (kind == PARLOR_MEDIA_KIND_VIDEO) {
            session_->set_video_sink(track, {[remote](const parlor::VideoFrame &frame) { remote->on_frame(frame); }, {}});
        } else {
            session_->record(track, file(number, ".wav"));
        }
    }

    // Reads the engine's figures of what comes in.
    void refresh() {
        std::vector<std::shared_ptr<Remote>> remotes;
        update([&] {
            for (const auto &[stream, remote] : remotes_) {
                remotes.push_back(remote);
            }
        });
        for (const auto &remote : remotes) {
            auto video = parlor::make<parlor_track_stats>();
            auto audio = parlor::make<parlor_track_stats>();
            // A track that ended keeps the figures that it had.
            const bool has_video =
                parlor_session_track_stats(session_->get(), remote->video_track, &video) == PARLOR_STATUS_OK;
            const bool has_audio =
                parlor_session_track_stats(session_->get(), remote->audio_track, &audio) == PARLOR_STATUS_OK;
            const std::lock_guard<std::mutex> lock(remote->mutex);
            if (has_video) {
                remote->video = video;
            }
            if (has_audio) {
                remote->audio = audio;
                remote->energy += std::pow(10.0, audio.level_dbfs / 10.0);
                remote->energy_count += 1;
            }
        }
    }

    // Keeps an event for the report, and prints it as it comes.
    void note(const parlor_event &event) {
        Note note{static_cast<double>(parlor::time_us() - joined_us_) / 1000, parlor_event_type_name(event.type), {}};
        update([&] {
            const bool peer_event = event.type == PARLOR_EVENT_PEER_STATE_CHANGE;
            const auto name = [&](std::int32_t state) {
                return peer_event ? parlor_peer_state_name(state) : parlor_state_name(state);
            };
            if (event.wire_id.len > 0 && event.type != PARLOR_EVENT_STREAM_ADDED) {
                note.details.emplace_back("peer_id", parlor::view(event.wire_id));
            } else if (event.peer_id != 0) {
                note.details.emplace_back("peer_id", names_[event.peer_id]);
            }
            if (event.to_state != 0) {
                note.details.emplace_back("from", name(event.from_state));
                note.details.emplace_back("to", name(event.to_state));
            }
            if (event.media_kind != 0) {
                note.details.emplace_back("kind", event.media_kind == PARLOR_MEDIA_KIND_VIDEO ? "video" : "audio");
            }
            if (event.type == PARLOR_EVENT_STREAM_ADDED) {
                note.details.emplace_back("role", role_in(parlor::view(event.metadata)));
            }
            if (event.text.len > 0) {
                note.details.emplace_back("message", parlor::view(event.text));
            }
            events_.push_back(note);
        });
        if (!options_.json) {
            std::printf("%8.3f s  %-18s", note.ms / 1000, note.type.c_str());
            for (const auto &[key, value] : note.details) {
                std::printf("  %s %s", key.c_str(), value.c_str());
            }
            std::printf("\n");
            std::fflush(stdout);
        }
    }

    template <typename Change> void update(Change change) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            change();
        }
        changed_.notify_all();
    }

    template <typename Condition> bool wait(double seconds, Condition condition) {
        std::unique_lock<std::mutex> lock(mutex_);
        return changed_.wait_for(lock, std::chrono::duration<double>(seconds), condition);
    }

    const Options options_;
    std::uint64_t joined_us_ = parlor::time_us();

    std::mutex mutex_; // guards what follows, which the session's thread fills
    std::condition_variable changed_;
    std::string peer_id_;
    std::string failure_;
    bool left_ = false;
    std::map<std::uint64_t, std::string> names_; // of peers, on the wire
    std::map<std::uint64_t, std::shared_ptr<Remote>> remotes_; // by stream
    std::vector<Note> events_;

    std::optional<parlor::Session> session_; // last, so that it ends before what its callbacks use
};

// --- The report --------------------------------------------------------------------------------------------------

// A number with one decimal, or what stands for none.
std::string tenths(std::optional<double> value, const char *none) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value.value_or(0));
    return value ? text : none;
}

std::optional<double> mean(const Mean &mean) {
    return mean.count > 0 ? std::optional<double>(mean.sum / mean.count) : std::nullopt;
}

void Call::print_table() const {
    if (remotes_.empty()) {
        std::printf("%s received nothing\n", options_.name.c_str());
        return;
    }
    std::printf("%s received\n", options_.name.c_str());
    std::printf("  %-10s %-8s %-5s %9s %6s %5s %8s %7s %7s  %7s %9s %8s\n", "from", "role", "video", "size", "frames",
                "fps", "first ms", "PSNR dB", "freezes", "audio s", "hidden ms", "level dB");
    for (const auto &[stream, remote] : remotes_) {
        const Remote &r = *remote;
        const std::string size = std::to_string(r.video.width) + "x" + std::to_string(r.video.height);
        std::printf("  %-10.10s %-8s %-5s %9s %6llu %5.1f %8.0f %7s %7llu  %7.1f %9.0f %8.1f\n", r.peer.c_str(),
                    r.role.c_str(), parlor_codec_name(r.video.codec), size.c_str(),
                    static_cast<unsigned long long>(r.frames), r.frames_per_second(),
                    r.frames > 0 ? static_cast<double>(r.first_us - joined_us_) / 1000 : 0.0,
                    tenths(mean(r.psnr), "-").c_str(), static_cast<unsigned long long>(r.video.freezes),
                    static_cast<double>(r.audio.audio_played_us) / 1e6,
                    static_cast<double>(r.audio.audio_concealed_us) / 1e3, r.level_db());
    }
}

void Call::print_json() const {
    std::string out = "{\"sessions\":[{\"name\":" + quote(options_.name) + ",\"peer_id\":" + quote(peer_id_);
    out += ",\"events\":[";
    for (const Note &note : events_) {
        out += (&note == &events_.front() ? "" : ",");
        out += "{\"ms\":" + tenths(note.ms, "null") + ",\"type\":" + quote(note.type);
        for (const auto &[key, value] : note.details) {
            out += "," + quote(key) + ":" + quote(value);
        }
        out += "}";
    }
    out += "],\"remotes\":[";
    for (auto it = remotes_.begin(); it != remotes_.end(); ++it) {
        const Remote &r = *it->second;
        const auto first_ms = r.frames > 0 ? std::optional<double>(static_cast<double>(r.first_us - joined_us_) / 1000)
                                           : std::nullopt;
        out += (it == remotes_.begin() ? "" : ",");
        out += "{\"peer_id\":" + quote(r.peer) + ",\"role\":" + quote(r.role) + ",\"video\":";
        out += r.video_track == 0 ? "null"
                                  : "{\"codec\":" + quote(parlor_codec_name(r.video.codec)) +
                                        ",\"width\":" + std::to_string(r.video.width) +
                                        ",\"height\":" + std::to_string(r.video.height) +
                                        ",\"frames\":" + std::to_string(r.frames) +
                                        ",\"first_frame_ms\":" + tenths(first_ms, "null") +
                                        ",\"psnr_db\":" + tenths(mean(r.psnr), "null") +
                                        ",\"freezes\":" + std::to_string(r.video.freezes) + "}";
        out += ",\"audio\":";
        out += r.audio_track == 0
                   ? "null"
                   : "{\"codec\":" + quote(parlor_codec_name(r.audio.codec)) +
                         ",\"seconds\":" + tenths(static_cast<double>(r.audio.audio_played_us) / 1e6, "null") +
                         ",\"concealed_ms\":" + tenths(static_cast<double>(r.audio.audio_concealed_us) / 1e3, "null") +
                         ",\"level_db\":" + tenths(r.level_db(), "null") + "}";
        out += "}";
    }
    std::printf("%s]}],\"ok\":true}\n", out.c_str());
}

} // namespace

int main(int argc, char **argv) {
    try {
        const Options options = parse(argc, argv);
        Call call(options);
        call.run();
        options.json ? call.print_json() : call.print_table();
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "call: %s\n", error.what());
        return 1;
    }
}
