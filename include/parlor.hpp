/**
 * @file parlor.hpp
 * Parlor for C++17: handles that release themselves, failures as exceptions, callbacks as functions.
 *
 * A thin layer on parlor.h, where ownership, threads and errors of each call are written down. Everything here is
 * inline; nothing of it is part of the binary interface. An exception that leaves a callback of yours ends there.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef PARLOR_HPP
#define PARLOR_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parlor.h"

namespace parlor {

/** A call that failed. */
class Error : public std::runtime_error {
public:
    Error(parlor_status status, const std::string &message) : std::runtime_error(message), status_(status) {}

    /** Why. */
    parlor_status status() const noexcept { return status_; }

private:
    parlor_status status_;
};

/** Lends a text to the library. */
inline parlor_str lend(std::string_view text) noexcept { return parlor_str{text.data(), text.size()}; }

/** Looks at a text of the library; absent ones are empty. */
inline std::string_view view(parlor_str text) noexcept {
    return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.len);
}

/** Makes a struct of the library: all zero but its size. */
template <typename Struct> Struct make() noexcept {
    Struct value{};
    value.struct_size = sizeof(Struct);
    return value;
}

namespace detail {

inline void check(parlor_status status) {
    if (status != PARLOR_STATUS_OK) {
        throw Error(status, parlor_last_error_message());
    }
}

/** Runs the app's code where no exception may leave. */
template <typename Body> void quietly(Body body) noexcept {
    try {
        body();
    } catch (...) {
        // The library calls from C: there is nobody above to catch it.
    }
}

/** Owns one reference to an object of the library. */
template <typename Object, void (*Release)(Object *)> class Handle {
public:
    explicit Handle(Object *object) noexcept : object_(object) {}

    Object *get() const noexcept { return object_.get(); }

private:
    struct Releaser {
        void operator()(Object *object) const noexcept { Release(object); }
    };
    std::unique_ptr<Object, Releaser> object_;
};

/** Makes an object by a function of C whose last parameter is the new handle. */
template <typename Object, typename... Parameters, typename... Arguments>
Object *create(parlor_status (*make)(Parameters...), Arguments... arguments) {
    Object *object = nullptr;
    check(make(arguments..., &object));
    return object;
}

/** Reads a text of unknown length by a function that writes it into a buffer. */
template <typename Read> std::string text(Read read) {
    std::string buffer(64, '\0');
    for (;;) {
        std::size_t length = 0;
        parlor_status status = read(&buffer[0], buffer.size(), &length);
        if (status == PARLOR_STATUS_BUFFER_TOO_SMALL) {
            buffer.resize(length + 1);
            continue;
        }
        check(status);
        buffer.resize(length);
        return buffer;
    }
}

/** Ends the life of what a registration carries. */
template <typename Owned> void destroy(void *userdata) noexcept { delete static_cast<Owned *>(userdata); }

} // namespace detail

/** The version of the library, such as "0.1.0". */
inline std::string version() { return parlor_version_string(); }

/** How many objects are alive in this process. */
inline parlor_live_objects live_objects() {
    auto objects = make<parlor_live_objects>();
    detail::check(parlor_live_objects_get(&objects));
    return objects;
}

/** Gets a line of the log, on any thread; it must not block. */
using LogSink = std::function<void(parlor_log_level level, std::string_view target, std::string_view message)>;

/** Sets where the engine's log goes, for the whole process: lines of `level` and graver ones. */
inline void set_log_sink(parlor_log_level level, LogSink sink) {
    auto owned = std::make_unique<LogSink>(std::move(sink));
    auto given = make<parlor_log_sink>();
    given.level = level;
    given.on_line = [](void *userdata, std::int32_t line, parlor_str target, parlor_str message) noexcept {
        detail::quietly([=] {
            (*static_cast<LogSink *>(userdata))(static_cast<parlor_log_level>(line), view(target), view(message));
        });
    };
    given.userdata = owned.get();
    given.destroy = detail::destroy<LogSink>;
    detail::check(parlor_log_set_sink(&given));
    owned.release();
}

/** Makes the log silent again. */
inline void clear_log_sink() { detail::check(parlor_log_set_sink(nullptr)); }

/** The time on the clock of every time stamp, in microseconds. */
inline std::uint64_t time_us() noexcept { return parlor_time_us(); }

/** A picture. Copies share the pixels, which never change. */
class VideoFrame {
public:
    /** Makes a picture of the app's memory. */
    explicit VideoFrame(const parlor_video_planes &planes)
        : handle_(detail::create<parlor_video_frame>(parlor_video_frame_create, &planes)) {}

    /** Keeps a picture that a callback of C borrows. */
    explicit VideoFrame(const parlor_video_frame *borrowed) noexcept : handle_(parlor_video_frame_ref(borrowed)) {}

    VideoFrame(const VideoFrame &other) noexcept : VideoFrame(other.get()) {}
    VideoFrame(VideoFrame &&) noexcept = default;
    VideoFrame &operator=(VideoFrame other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~VideoFrame() = default;

    /** A PARLOR_PIXEL_FORMAT_... value. */
    std::int32_t format() const noexcept { return parlor_video_frame_format(get()); }
    std::uint32_t width() const noexcept { return parlor_video_frame_width(get()); }
    std::uint32_t height() const noexcept { return parlor_video_frame_height(get()); }
    std::uint64_t timestamp_us() const noexcept { return parlor_video_frame_timestamp_us(get()); }

    /** One plane, counted from 0; it lasts as long as the picture. */
    parlor_plane plane(std::uint32_t index) const {
        parlor_plane plane{};
        detail::check(parlor_video_frame_plane(get(), index, &plane));
        return plane;
    }

    /** The picture in a pixel format of choice, packed without padding. */
    std::vector<std::uint8_t> convert(parlor_pixel_format format) const {
        std::size_t size = 0;
        parlor_status status = parlor_video_frame_convert(get(), format, nullptr, 0, &size);
        if (status != PARLOR_STATUS_BUFFER_TOO_SMALL) {
            detail::check(status);
        }
        std::vector<std::uint8_t> bytes(size);
        detail::check(parlor_video_frame_convert(get(), format, bytes.data(), bytes.size(), nullptr));
        return bytes;
    }

    void write_png(std::string_view path) const { detail::check(parlor_video_frame_write_png(get(), lend(path))); }

    const parlor_video_frame *get() const noexcept { return handle_.get(); }

private:
    detail::Handle<parlor_video_frame, parlor_video_frame_unref> handle_;
};

/** What an app that feeds encoded frames is told, on threads of the engine. */
struct EncodedObserver {
    /** The next frame should be a keyframe. */
    std::function<void()> on_keyframe_request;
    /** The rate to aim at changed; in bits per second. */
    std::function<void(std::uint64_t)> on_target_bitrate;
};

/** A source of pictures. */
class VideoSource {
public:
    /** Makes a source that push() feeds. */
    VideoSource() : VideoSource(detail::create<parlor_video_source>(parlor_video_source_create)) {}

    static VideoSource test_pattern(std::uint32_t width, std::uint32_t height, std::uint32_t frames_per_second) {
        return VideoSource(detail::create<parlor_video_source>(parlor_video_source_create_test_pattern, width,
                                                               height, frames_per_second));
    }

    static VideoSource from_file(std::string_view path, parlor_file_mode mode = PARLOR_FILE_MODE_DECODE) {
        return VideoSource(
            detail::create<parlor_video_source>(parlor_video_source_create_from_file, lend(path), mode));
    }

    /** Makes a source that push_encoded() feeds. */
    static VideoSource encoded(parlor_codec codec, EncodedObserver observer) {
        auto owned = std::make_unique<EncodedObserver>(std::move(observer));
        auto given = make<parlor_encoded_observer>();
        given.on_keyframe_request = [](void *userdata) noexcept {
            detail::quietly([=] {
                auto &told = static_cast<EncodedObserver *>(userdata)->on_keyframe_request;
                if (told) {
                    told();
                }
            });
        };
        given.on_target_bitrate = [](void *userdata, std::uint64_t bits_per_second) noexcept {
            detail::quietly([=] {
                auto &told = static_cast<EncodedObserver *>(userdata)->on_target_bitrate;
                if (told) {
                    told(bits_per_second);
                }
            });
        };
        given.userdata = owned.get();
        given.destroy = detail::destroy<EncodedObserver>;
        VideoSource source(detail::create<parlor_video_source>(parlor_video_source_create_encoded, codec,
                                                               static_cast<const parlor_encoded_observer *>(&given)));
        owned.release();
        return source;
    }

    void push(const VideoFrame &frame) { detail::check(parlor_video_source_push(get(), frame.get())); }
    void push(const parlor_video_planes &planes) { detail::check(parlor_video_source_push_planes(get(), &planes)); }
    void push_encoded(const parlor_encoded_frame &frame) {
        detail::check(parlor_video_source_push_encoded(get(), &frame));
    }

    /** How many pictures it was given so far. */
    std::uint64_t frames() const {
        std::uint64_t frames = 0;
        detail::check(parlor_video_source_frames(get(), &frames));
        return frames;
    }

    parlor_video_source *get() const noexcept { return handle_.get(); }

private:
    explicit VideoSource(parlor_video_source *source) noexcept : handle_(source) {}

    detail::Handle<parlor_video_source, parlor_video_source_release> handle_;
};

/** A source of sound. */
class AudioSource {
public:
    /** Makes a source that push() feeds, encoded with 1 or 2 channels. */
    explicit AudioSource(std::uint32_t channels)
        : AudioSource(detail::create<parlor_audio_source>(parlor_audio_source_create, channels)) {}

    static AudioSource tone(float frequency) {
        return AudioSource(detail::create<parlor_audio_source>(parlor_audio_source_create_tone, frequency));
    }

    static AudioSource from_file(std::string_view path, parlor_file_mode mode = PARLOR_FILE_MODE_DECODE) {
        return AudioSource(
            detail::create<parlor_audio_source>(parlor_audio_source_create_from_file, lend(path), mode));
    }

    /** Makes a source that push_encoded() feeds with Opus packets. */
    static AudioSource encoded() {
        return AudioSource(detail::create<parlor_audio_source>(parlor_audio_source_create_encoded));
    }

    /** Gives interleaved sound at 48 kHz; `captured_us` of 0 means now. */
    void push(const std::vector<std::int16_t> &samples, std::uint32_t channels, std::uint64_t captured_us = 0) {
        detail::check(
            parlor_audio_source_push_i16(get(), samples.data(), samples.size(), 48000, channels, captured_us));
    }
    void push(const std::vector<float> &samples, std::uint32_t channels, std::uint64_t captured_us = 0) {
        detail::check(
            parlor_audio_source_push_f32(get(), samples.data(), samples.size(), 48000, channels, captured_us));
    }
    void push_encoded(const parlor_encoded_frame &frame) {
        detail::check(parlor_audio_source_push_encoded(get(), &frame));
    }

    parlor_audio_source *get() const noexcept { return handle_.get(); }

private:
    explicit AudioSource(parlor_audio_source *source) noexcept : handle_(source) {}

    detail::Handle<parlor_audio_source, parlor_audio_source_release> handle_;
};

/** A set of tracks that belong together. */
class Stream {
public:
    Stream() : handle_(detail::create<parlor_stream>(parlor_stream_create)) {}

    /** Adds a track; returns its id. */
    std::uint64_t add(const VideoSource &source) {
        std::uint64_t track = 0;
        detail::check(parlor_stream_add_video(get(), source.get(), &track));
        return track;
    }
    std::uint64_t add(const AudioSource &source) {
        std::uint64_t track = 0;
        detail::check(parlor_stream_add_audio(get(), source.get(), &track));
        return track;
    }

    std::uint64_t id() const {
        std::uint64_t id = 0;
        detail::check(parlor_stream_id(get(), &id));
        return id;
    }

    parlor_stream *get() const noexcept { return handle_.get(); }

private:
    detail::Handle<parlor_stream, parlor_stream_release> handle_;
};

/** Threads and sockets that sessions share. */
class Engine {
public:
    /** Uses these local IP addresses for media; none means every usable interface. */
    explicit Engine(bool include_loopback = false, const std::vector<std::string> &bind_addresses = {})
        : handle_(start(include_loopback, bind_addresses)) {}

    parlor_engine *get() const noexcept { return handle_.get(); }

private:
    static parlor_engine *start(bool include_loopback, const std::vector<std::string> &bind_addresses) {
        std::vector<parlor_str> addresses;
        for (const std::string &address : bind_addresses) {
            addresses.push_back(lend(address));
        }
        auto config = make<parlor_engine_config>();
        config.bind_addresses = addresses.data();
        config.bind_address_count = addresses.size();
        config.include_loopback = include_loopback ? 1 : 0;
        return detail::create<parlor_engine>(parlor_engine_create, static_cast<const parlor_engine_config *>(&config));
    }

    detail::Handle<parlor_engine, parlor_engine_release> handle_;
};

/** The pictures that were sent, to compare with those that came. */
class Reference {
public:
    static Reference from_file(std::string_view path) {
        return Reference(detail::create<parlor_reference>(parlor_reference_create_from_file, lend(path)));
    }
    static Reference test_pattern(std::uint32_t width, std::uint32_t height) {
        return Reference(detail::create<parlor_reference>(parlor_reference_create_test_pattern, width, height));
    }

    /** The peak signal-to-noise ratio in dB against the picture that the frame's stamp names. */
    double psnr(const VideoFrame &frame) const {
        double db = 0;
        detail::check(parlor_reference_psnr(get(), frame.get(), &db));
        return db;
    }

    parlor_reference *get() const noexcept { return handle_.get(); }

private:
    explicit Reference(parlor_reference *reference) noexcept : handle_(reference) {}

    detail::Handle<parlor_reference, parlor_reference_release> handle_;
};

/** A mixer that an app pulls its sound from when its device asks, 48 kHz stereo. */
class AudioPlayout {
public:
    AudioPlayout() : handle_(detail::create<parlor_audio_playout>(parlor_audio_playout_create)) {}

    /** Fills the memory, with silence where no track has sound; returns how many samples some track had. */
    std::size_t pull(std::int16_t *samples, std::size_t sample_count) const {
        std::size_t filled = 0;
        detail::check(parlor_audio_playout_pull(get(), samples, sample_count, &filled));
        return filled;
    }

    parlor_audio_playout *get() const noexcept { return handle_.get(); }

private:
    detail::Handle<parlor_audio_playout, parlor_audio_playout_release> handle_;
};

/** A STUN or TURN server. */
struct IceServer {
    std::vector<std::string> urls;
    std::string username;
    std::string credential;
};

/** Options of a session. */
struct Config {
    /** The server's origin, such as "wss://call.example.org". */
    std::string url;
    /** What `credential` is. */
    parlor_credential credential_kind = PARLOR_CREDENTIAL_API_KEY;
    /** The key or token; empty for tokens on demand. */
    std::string credential;
    /** ICE servers beside those that the server names. */
    std::vector<IceServer> ice_servers;
    /** Video codecs to offer, best first; none means VP8 then H.264. */
    std::vector<parlor_codec> video_codecs;
    /** Whether channel messages carry their sender's metadata. */
    bool include_sender_metadata = false;
    /** PEM certificates that are trusted beside the platform's. */
    std::string extra_roots_pem;
    /** The engine to run on; none means the process's default engine. */
    const Engine *engine = nullptr;
};

/** What a session tells its app, on a thread of the session's own; unset functions are not called. */
struct Handlers {
    /** Called first with every event, also with those that have a function below. */
    std::function<void(const parlor_event &)> event;

    std::function<void(std::string_view own_wire_id, std::string_view channel)> joined;
    std::function<void(std::string_view reason)> left;
    std::function<void(parlor_state from, parlor_state to)> state_change;
    std::function<void(std::uint64_t peer, std::string_view wire_id, std::string_view metadata)> peer_joined;
    std::function<void(std::uint64_t peer)> peer_left;
    std::function<void(std::uint64_t peer, parlor_peer_state from, parlor_peer_state to)> peer_state_change;
    std::function<void(std::uint64_t peer, std::uint64_t stream, std::string_view metadata)> stream_added;
    std::function<void(std::uint64_t peer, std::uint64_t stream)> stream_removed;
    std::function<void(std::uint64_t peer, std::uint64_t stream, std::uint64_t track, parlor_media_kind kind)>
        track_added;
    std::function<void(std::uint64_t peer, std::uint64_t stream, std::uint64_t track)> track_removed;
    std::function<void(std::uint64_t peer, std::string_view data, parlor_message_kind kind)> data;
    std::function<void(std::uint64_t request, parlor_status status, std::string_view message)> request_done;
    std::function<void(std::uint64_t peer)> connection_reset;
    std::function<void(std::uint64_t peer, std::string_view message)> negotiation_error;
    std::function<void(std::uint64_t request)> token_needed;
    std::function<void(std::uint64_t retry_after_ms)> going_away;
    std::function<void(parlor_status status, std::string_view message)> error;
    std::function<void(std::uint64_t peer, std::uint64_t channel, std::string_view label, bool incoming)> channel_open;
    std::function<void(std::uint64_t peer, std::uint64_t channel, std::string_view data, bool binary)>
        channel_message;
    std::function<void(std::uint64_t peer, std::uint64_t channel)> channel_writable;
    std::function<void(std::uint64_t peer, std::uint64_t channel)> channel_close;
    std::function<void()> data_lost;

    /** Calls what is set for an event. */
    void operator()(const parlor_event &e) const {
        call(event, e);
        switch (e.type) {
        case PARLOR_EVENT_JOINED: return call(joined, view(e.wire_id), view(e.channel));
        case PARLOR_EVENT_LEFT: return call(left, view(e.text));
        case PARLOR_EVENT_STATE_CHANGE:
            return call(state_change, static_cast<parlor_state>(e.from_state), static_cast<parlor_state>(e.to_state));
        case PARLOR_EVENT_PEER_JOINED: return call(peer_joined, e.peer_id, view(e.wire_id), view(e.metadata));
        case PARLOR_EVENT_PEER_LEFT: return call(peer_left, e.peer_id);
        case PARLOR_EVENT_PEER_STATE_CHANGE:
            return call(peer_state_change, e.peer_id, static_cast<parlor_peer_state>(e.from_state),
                        static_cast<parlor_peer_state>(e.to_state));
        case PARLOR_EVENT_STREAM_ADDED: return call(stream_added, e.peer_id, e.stream_id, view(e.metadata));
        case PARLOR_EVENT_STREAM_REMOVED: return call(stream_removed, e.peer_id, e.stream_id);
        case PARLOR_EVENT_TRACK_ADDED:
            return call(track_added, e.peer_id, e.stream_id, e.track_id,
                        static_cast<parlor_media_kind>(e.media_kind));
        case PARLOR_EVENT_TRACK_REMOVED: return call(track_removed, e.peer_id, e.stream_id, e.track_id);
        case PARLOR_EVENT_DATA:
            return call(data, e.peer_id, view(e.data), static_cast<parlor_message_kind>(e.message_kind));
        case PARLOR_EVENT_REQUEST_DONE: return call(request_done, e.request_id, e.status, view(e.text));
        case PARLOR_EVENT_CONNECTION_RESET: return call(connection_reset, e.peer_id);
        case PARLOR_EVENT_NEGOTIATION_ERROR: return call(negotiation_error, e.peer_id, view(e.text));
        case PARLOR_EVENT_TOKEN_NEEDED: return call(token_needed, e.request_id);
        case PARLOR_EVENT_GOING_AWAY: return call(going_away, e.retry_after_ms);
        case PARLOR_EVENT_ERROR: return call(error, e.status, view(e.text));
        case PARLOR_EVENT_CHANNEL_OPEN:
            return call(channel_open, e.peer_id, e.channel_id, view(e.label), e.incoming != 0);
        case PARLOR_EVENT_CHANNEL_MESSAGE:
            return call(channel_message, e.peer_id, e.channel_id, view(e.data), e.binary != 0);
        case PARLOR_EVENT_CHANNEL_WRITABLE: return call(channel_writable, e.peer_id, e.channel_id);
        case PARLOR_EVENT_CHANNEL_CLOSE: return call(channel_close, e.peer_id, e.channel_id);
        case PARLOR_EVENT_DATA_LOST: return call(data_lost);
        default: return; // of a newer library
        }
    }

private:
    template <typename Function, typename... Arguments>
    static void call(const Function &function, const Arguments &...arguments) {
        if (function) {
            function(arguments...);
        }
    }
};

/** Where a remote video track goes, on a media thread. */
struct VideoSink {
    /** Gets each decoded picture; unset saves the decoding. */
    std::function<void(const VideoFrame &)> on_frame;
    /** Gets each encoded frame before it is decoded. */
    std::function<void(const parlor_encoded_frame &)> on_encoded;
};

/** Where a remote audio track goes, on the playout thread. */
struct AudioSink {
    /** Gets each 20 ms of sound. */
    std::function<void(const parlor_audio_frame &)> on_frame;
    /** Gets each Opus packet. */
    std::function<void(const parlor_encoded_frame &)> on_encoded;
};

/** A call: join a channel by name and meet everyone in it. */
class Session {
public:
    /** Makes a session; it does not connect yet. */
    Session(const Config &config, Handlers handlers) : handle_(create(config, std::move(handlers))) {}

    /** Ends the session now, as destroying this object does; calls after it throw PARLOR_STATUS_CLOSED. */
    void close() noexcept { parlor_session_destroy(parlor_session_retain(get())); }

    /** Starts joining; returns the request. */
    std::uint64_t join(std::string_view channel) {
        return request([&](std::uint64_t *out) { return parlor_session_join(get(), lend(channel), out); });
    }

    /** Starts leaving; returns the request. */
    std::uint64_t leave() {
        return request([&](std::uint64_t *out) { return parlor_session_leave(get(), out); });
    }

    /** Sends a JSON text to everyone in the channel; returns the request. */
    std::uint64_t send(std::string_view data) { return send_to(0, data); }

    /** Sends a JSON text to one peer; returns the request. */
    std::uint64_t send_to(std::uint64_t peer, std::string_view data) {
        return request([&](std::uint64_t *out) { return parlor_session_send(get(), peer, lend(data), out); });
    }

    /** Opens a data channel to a peer, ordered and reliable unless told otherwise; returns the channel. */
    std::uint64_t open_channel(std::uint64_t peer, std::string_view label,
                               parlor_channel_options options = make<parlor_channel_options>()) {
        std::uint64_t channel = 0;
        detail::check(parlor_session_open_channel(get(), peer, lend(label), &options, &channel));
        return channel;
    }

    /** Sends bytes on a data channel. Returns false when it is full: try again after channel_writable. */
    bool send_bytes(std::uint64_t channel, const void *data, std::size_t size) {
        return send_channel(channel, data, size, 1);
    }

    /** Sends a text on a data channel. Returns false when it is full: try again after channel_writable. */
    bool send_text(std::uint64_t channel, std::string_view text) {
        return send_channel(channel, text.data(), text.size(), 0);
    }

    void close_channel(std::uint64_t channel) { detail::check(parlor_session_close_channel(get(), channel)); }

    /** How many bytes wait in a data channel. */
    std::size_t channel_buffered_amount(std::uint64_t channel) const {
        std::size_t bytes = 0;
        detail::check(parlor_session_channel_buffered_amount(get(), channel, &bytes));
        return bytes;
    }

    void add(const Stream &stream, std::string_view metadata = {}) {
        detail::check(parlor_session_add_stream(get(), stream.get(), lend(metadata)));
    }
    void remove_stream(std::uint64_t stream) { detail::check(parlor_session_remove_stream(get(), stream)); }

    void provide_token(std::uint64_t request, std::string_view token) {
        detail::check(parlor_session_provide_token(get(), request, lend(token)));
    }

    void network_changed() { detail::check(parlor_session_network_changed(get())); }

    void set_video_sink(std::uint64_t track, VideoSink sink) {
        auto owned = std::make_unique<VideoSink>(std::move(sink));
        auto given = make<parlor_video_sink>();
        if (owned->on_frame) {
            given.on_frame = [](void *userdata, const parlor_video_frame *frame) noexcept {
                detail::quietly([=] { static_cast<VideoSink *>(userdata)->on_frame(VideoFrame(frame)); });
            };
        }
        if (owned->on_encoded) {
            given.on_encoded = [](void *userdata, const parlor_encoded_frame *frame) noexcept {
                detail::quietly([=] { static_cast<VideoSink *>(userdata)->on_encoded(*frame); });
            };
        }
        given.userdata = owned.get();
        given.destroy = detail::destroy<VideoSink>;
        detail::check(parlor_session_set_video_sink(get(), track, &given));
        owned.release();
    }
    void clear_video_sink(std::uint64_t track) {
        detail::check(parlor_session_set_video_sink(get(), track, nullptr));
    }

    void set_audio_sink(std::uint64_t track, AudioSink sink) {
        auto owned = std::make_unique<AudioSink>(std::move(sink));
        auto given = make<parlor_audio_sink>();
        if (owned->on_frame) {
            given.on_frame = [](void *userdata, const parlor_audio_frame *frame) noexcept {
                detail::quietly([=] { static_cast<AudioSink *>(userdata)->on_frame(*frame); });
            };
        }
        if (owned->on_encoded) {
            given.on_encoded = [](void *userdata, const parlor_encoded_frame *frame) noexcept {
                detail::quietly([=] { static_cast<AudioSink *>(userdata)->on_encoded(*frame); });
            };
        }
        given.userdata = owned.get();
        given.destroy = detail::destroy<AudioSink>;
        detail::check(parlor_session_set_audio_sink(get(), track, &given));
        owned.release();
    }
    void clear_audio_sink(std::uint64_t track) {
        detail::check(parlor_session_set_audio_sink(get(), track, nullptr));
    }

    /** Mixes a remote audio track into what a playout plays, in place of its sink. */
    void play(std::uint64_t track, const AudioPlayout &playout) {
        detail::check(parlor_session_play(get(), track, playout.get()));
    }

    /** Records a track into a .ivf, .ogg or .wav file, in place of its sink. */
    void record(std::uint64_t track, std::string_view path) {
        detail::check(parlor_session_record(get(), track, lend(path)));
    }

    parlor_state state() const {
        std::int32_t state = 0;
        detail::check(parlor_session_state(get(), &state));
        return static_cast<parlor_state>(state);
    }

    /** This session's own peer id on the wire. */
    std::string peer_id() const {
        return detail::text([&](char *buffer, std::size_t capacity, std::size_t *length) {
            return parlor_session_peer_id(get(), buffer, capacity, length);
        });
    }

    /** The remote peers, in the order in which they came. */
    std::vector<std::uint64_t> peers() const {
        std::vector<std::uint64_t> ids(8);
        for (;;) {
            std::size_t count = 0;
            parlor_status status = parlor_session_peers(get(), ids.data(), ids.size(), &count);
            ids.resize(count);
            if (status != PARLOR_STATUS_BUFFER_TOO_SMALL) {
                detail::check(status);
                return ids;
            }
        }
    }

    parlor_peer_state peer_state(std::uint64_t peer) const {
        std::int32_t state = 0;
        detail::check(parlor_session_peer_state(get(), peer, &state));
        return static_cast<parlor_peer_state>(state);
    }

    std::string peer_wire_id(std::uint64_t peer) const {
        return detail::text([&](char *buffer, std::size_t capacity, std::size_t *length) {
            return parlor_session_peer_wire_id(get(), peer, buffer, capacity, length);
        });
    }

    std::string peer_metadata(std::uint64_t peer) const {
        return detail::text([&](char *buffer, std::size_t capacity, std::size_t *length) {
            return parlor_session_peer_metadata(get(), peer, buffer, capacity, length);
        });
    }

    parlor_peer_stats peer_stats(std::uint64_t peer) const {
        auto stats = make<parlor_peer_stats>();
        detail::check(parlor_session_peer_stats(get(), peer, &stats));
        return stats;
    }

    parlor_track_stats track_stats(std::uint64_t track) const {
        auto stats = make<parlor_track_stats>();
        detail::check(parlor_session_track_stats(get(), track, &stats));
        return stats;
    }

    parlor_session *get() const noexcept { return handle_.get(); }

private:
    bool send_channel(std::uint64_t channel, const void *data, std::size_t size, std::int32_t binary) {
        const auto *bytes = static_cast<const std::uint8_t *>(data);
        parlor_status status = parlor_session_send_channel(get(), channel, bytes, size, binary);
        if (status == PARLOR_STATUS_BUSY) {
            return false;
        }
        detail::check(status);
        return true;
    }

    static parlor_session *create(const Config &config, Handlers handlers) {
        if (parlor_abi_version() != PARLOR_ABI_VERSION) {
            throw Error(PARLOR_STATUS_UNSUPPORTED_FIELD, "the library and parlor.h have different ABI versions");
        }
        std::vector<std::vector<parlor_str>> urls;
        std::vector<parlor_ice_server> servers;
        for (const IceServer &server : config.ice_servers) {
            urls.emplace_back();
            for (const std::string &url : server.urls) {
                urls.back().push_back(lend(url));
            }
            auto given = make<parlor_ice_server>();
            given.urls = urls.back().data();
            given.url_count = urls.back().size();
            given.username = lend(server.username);
            given.credential = lend(server.credential);
            servers.push_back(given);
        }
        std::vector<std::int32_t> codecs(config.video_codecs.begin(), config.video_codecs.end());

        auto given = make<parlor_session_config>();
        given.url = lend(config.url);
        given.credential_kind = config.credential_kind;
        given.credential = lend(config.credential);
        given.ice_servers = servers.data();
        given.ice_server_count = servers.size();
        given.video_codecs = codecs.data();
        given.video_codec_count = codecs.size();
        given.include_sender_metadata = config.include_sender_metadata ? 1 : 0;
        given.extra_roots_pem = lend(config.extra_roots_pem);
        given.engine = config.engine == nullptr ? nullptr : config.engine->get();

        auto owned = std::make_unique<Handlers>(std::move(handlers));
        auto listener = make<parlor_listener>();
        listener.on_event = [](void *userdata, const parlor_event *event) noexcept {
            detail::quietly([=] { (*static_cast<Handlers *>(userdata))(*event); });
        };
        listener.userdata = owned.get();
        listener.destroy = detail::destroy<Handlers>;
        parlor_session *session = nullptr;
        detail::check(parlor_session_create(&given, &listener, &session));
        owned.release();
        return session;
    }

    template <typename Call> std::uint64_t request(Call call) {
        std::uint64_t request = 0;
        detail::check(call(&request));
        return request;
    }

    detail::Handle<parlor_session, parlor_session_destroy> handle_;
};

} // namespace parlor

#endif // PARLOR_HPP
