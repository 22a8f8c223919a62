/**
 * @file parlor.h
 * Parlor: an embeddable call engine. Name a channel, add your streams, join.
 *
 * Rules that hold for every function:
 *
 * - Status: 0 is success, failures are negative. `parlor_last_error_message` has the text of this thread's last
 *   failure. What fails later comes as an event with the request id that the call returned.
 * - Out-parameters come last and are written only on success. Where a buffer is too short,
 *   `PARLOR_STATUS_BUFFER_TOO_SMALL` comes with the length that is needed.
 * - Handles are opaque and reference-counted. What you create, retain or ref, you release exactly once; releasing
 *   NULL does nothing. A handle must not be used after its release; in another thread at the same time as its
 *   release, a call is safe once it has begun.
 * - Structs start with `struct_size`, which you set to `sizeof` the struct; zero the rest first. Zero is every
 *   field's default. Fields are only ever appended: an older library refuses fields that it does not know when they
 *   are not zero (`PARLOR_STATUS_UNSUPPORTED_FIELD`).
 * - Pointers are valid, aligned and for the length of the call unless stated otherwise. NULL where a pointer must
 *   be is `PARLOR_STATUS_NULL_POINTER`.
 * - Strings are UTF-8 with a length, and copied before a call returns. Neither side ever frees the other's memory.
 * - Callbacks get your `userdata` first. `destroy(userdata)` runs exactly once, after the last callback has
 *   returned; when the call that registers it fails, it does not run.
 * - Threads: no function waits for the network. "Media callbacks" are those of sinks and observers; from them call
 *   only functions whose Threads line names them.
 * - Enum-like arguments are `int32_t`; values that are none are refused.
 * - Panics of the engine never cross: they become `PARLOR_STATUS_INTERNAL`.
 * - After `fork`, the child may only `exec`.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */


#ifndef PARLOR_H
#define PARLOR_H

/* Written by `cargo xtask header` from bindings/c. Do not edit. */

#include <stddef.h>
#include <stdint.h>

/** Marks what the library exports. Define it yourself to change how the library is linked. */
#ifndef PARLOR_API
#if defined(_WIN32)
#define PARLOR_API __declspec(dllimport)
#elif defined(__GNUC__)
#define PARLOR_API __attribute__((visibility("default")))
#else
#define PARLOR_API
#endif
#endif

/** The version of this header; `parlor_version_string()` tells the library's. */
#define PARLOR_VERSION_MAJOR 0
#define PARLOR_VERSION_MINOR 1
#define PARLOR_VERSION_PATCH 0
#define PARLOR_VERSION_STRING "0.1.0"


/**
 * The binary interface that this header describes; a program runs with libraries of the same number. The shared
 * library's soname ends with it.
 */
#define PARLOR_ABI_VERSION 0

/**
 * How a call or a request ended: 0 is success, failures are negative. Numbers are never reused.
 *
 * Bands: arguments from -1, state from -100, network from -200, media from -300, server from -400, internal
 * from -900. Newer libraries may answer with numbers that this header does not have; treat them as failures.
 */
enum parlor_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It worked.
     */
    PARLOR_STATUS_OK = 0,
    /**
     * An argument has a value that is not allowed.
     */
    PARLOR_STATUS_INVALID_ARGUMENT = -1,
    /**
     * A pointer that must not be NULL is NULL.
     */
    PARLOR_STATUS_NULL_POINTER = -2,
    /**
     * A string is not UTF-8.
     */
    PARLOR_STATUS_INVALID_UTF8 = -3,
    /**
     * A struct has a size that no version has, or uses fields that this library does not know.
     */
    PARLOR_STATUS_UNSUPPORTED_FIELD = -4,
    /**
     * The caller's buffer is too short; the needed length was written.
     */
    PARLOR_STATUS_BUFFER_TOO_SMALL = -5,
    /**
     * No peer, stream, track or channel has this id.
     */
    PARLOR_STATUS_UNKNOWN_ID = -6,
    /**
     * The call is not allowed in the present state.
     */
    PARLOR_STATUS_INVALID_STATE = -100,
    /**
     * The object was destroyed or its session has ended.
     */
    PARLOR_STATUS_CLOSED = -101,
    /**
     * A request was overtaken by another, such as a join by a leave.
     */
    PARLOR_STATUS_CANCELLED = -102,
    /**
     * A queue is full; nothing was taken, try again later.
     */
    PARLOR_STATUS_BUSY = -103,
    /**
     * No connection to the server could be made.
     */
    PARLOR_STATUS_CONNECTION_FAILED = -200,
    /**
     * The connection to the server was lost before the answer came.
     */
    PARLOR_STATUS_CONNECTION_LOST = -201,
    /**
     * An answer did not come in time.
     */
    PARLOR_STATUS_TIMED_OUT = -202,
    /**
     * Offer and answer could not be agreed upon with a peer.
     */
    PARLOR_STATUS_NEGOTIATION_FAILED = -203,
    /**
     * The codec is not compiled in or not known.
     */
    PARLOR_STATUS_UNSUPPORTED_CODEC = -300,
    /**
     * A frame's size, format, planes or time stamp is wrong.
     */
    PARLOR_STATUS_INVALID_FRAME = -301,
    /**
     * An encoder or decoder failed.
     */
    PARLOR_STATUS_CODEC_FAILED = -302,
    /**
     * A media file could not be read or written.
     */
    PARLOR_STATUS_MEDIA_FILE = -303,
    /**
     * The key or token is not valid.
     */
    PARLOR_STATUS_INVALID_CREDENTIAL = -400,
    /**
     * The token has expired.
     */
    PARLOR_STATUS_CREDENTIAL_EXPIRED = -401,
    /**
     * The credential does not cover this channel.
     */
    PARLOR_STATUS_CHANNEL_NOT_AUTHORIZED = -402,
    /**
     * The credential does not allow this action.
     */
    PARLOR_STATUS_ACTION_NOT_PERMITTED = -403,
    /**
     * The peer is not online.
     */
    PARLOR_STATUS_PEER_NOT_FOUND = -404,
    /**
     * The message is larger than the server or the peer allows.
     */
    PARLOR_STATUS_PAYLOAD_TOO_LARGE = -405,
    /**
     * The server ended the session on purpose, such as by a kick.
     */
    PARLOR_STATUS_DISCONNECTED = -406,
    /**
     * The server refused because of a limit.
     */
    PARLOR_STATUS_LIMIT_EXCEEDED = -407,
    /**
     * The server refused for another reason; the message names it.
     */
    PARLOR_STATUS_SERVER_REFUSED = -408,
    /**
     * A bug in the engine; it may be unusable from here on.
     */
    PARLOR_STATUS_INTERNAL = -900,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_status parlor_status;
#else
typedef int32_t parlor_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A codec; 0 is none.
 */
enum parlor_codec
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Opus at 48 kHz.
     */
    PARLOR_CODEC_OPUS = 1,
    /**
     * VP8.
     */
    PARLOR_CODEC_VP8 = 2,
    /**
     * H.264 constrained baseline.
     */
    PARLOR_CODEC_H264 = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_codec parlor_codec;
#else
typedef int32_t parlor_codec;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How a session proves to the server who it is; values of `parlor_session_config.credential_kind`.
 */
enum parlor_credential
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * `credential` is a publishable key, such as `pk_live_...`.
     */
    PARLOR_CREDENTIAL_API_KEY = 1,
    /**
     * `credential` is a token that the app's backend made.
     */
    PARLOR_CREDENTIAL_TOKEN = 2,
    /**
     * Each connection raises `PARLOR_EVENT_TOKEN_NEEDED`, answered by `parlor_session_provide_token`.
     */
    PARLOR_CREDENTIAL_TOKEN_ON_DEMAND = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_credential parlor_credential;
#else
typedef int32_t parlor_credential;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What an event tells; values of `parlor_event.type`. Ignore values that you do not know.
 *
 * The fields of `parlor_event` that an event uses are named in brackets; the others are 0 or absent.
 *
 */
enum parlor_event_type
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The session is in the channel. [`wire_id`: its own peer id, `channel`]
     */
    PARLOR_EVENT_JOINED = 1,
    /**
     * The session has left the channel; it may join again. [`text`: why, when it was not asked for]
     */
    PARLOR_EVENT_LEFT = 2,
    /**
     * The session's state changed. [`from_state`, `to_state`: `PARLOR_STATE_...`]
     */
    PARLOR_EVENT_STATE_CHANGE = 3,
    /**
     * A remote peer is in the channel. [`peer_id`, `wire_id`, `metadata`]
     */
    PARLOR_EVENT_PEER_JOINED = 4,
    /**
     * A remote peer has left; its streams went before. [`peer_id`]
     */
    PARLOR_EVENT_PEER_LEFT = 5,
    /**
     * The connection to a remote peer changed. [`peer_id`, `from_state`, `to_state`: `PARLOR_PEER_STATE_...`]
     */
    PARLOR_EVENT_PEER_STATE_CHANGE = 6,
    /**
     * A remote peer sends a stream. [`peer_id`, `stream_id`, `wire_id`, `metadata`: as the sender registered it]
     */
    PARLOR_EVENT_STREAM_ADDED = 7,
    /**
     * A remote stream has ended. [`peer_id`, `stream_id`]
     */
    PARLOR_EVENT_STREAM_REMOVED = 8,
    /**
     * A track of a remote stream is there; set a sink to receive it. [`peer_id`, `stream_id`, `track_id`,
     * `media_kind`]
     */
    PARLOR_EVENT_TRACK_ADDED = 9,
    /**
     * A track of a remote stream has ended. [`peer_id`, `stream_id`, `track_id`]
     */
    PARLOR_EVENT_TRACK_REMOVED = 10,
    /**
     * A peer sent a message. [`peer_id`, `data`, `message_kind`, `metadata`: the sender's, where the server gives
     * it]
     */
    PARLOR_EVENT_DATA = 11,
    /**
     * A request has ended; each ends exactly once. [`request_id`, `status`, `text`: why it failed]
     */
    PARLOR_EVENT_REQUEST_DONE = 12,
    /**
     * The link to a peer was built anew; its streams are announced again. [`peer_id`]
     */
    PARLOR_EVENT_CONNECTION_RESET = 13,
    /**
     * Offer and answer with a peer failed; the session tries again by itself. [`peer_id`, `text`]
     */
    PARLOR_EVENT_NEGOTIATION_ERROR = 14,
    /**
     * A token is needed; answer with `parlor_session_provide_token`. [`request_id`]
     */
    PARLOR_EVENT_TOKEN_NEEDED = 15,
    /**
     * The server is going away; the session reconnects by itself. [`retry_after_ms`]
     */
    PARLOR_EVENT_GOING_AWAY = 16,
    /**
     * Something failed that ends the session or that nobody asked for. [`status`, `text`]
     */
    PARLOR_EVENT_ERROR = 17,
    /**
     * A data channel is open: one of this session's, for the first time or again after
     * `PARLOR_EVENT_CONNECTION_RESET`, or one that the peer opened. [`peer_id`, `channel_id`, `label`, `incoming`]
     */
    PARLOR_EVENT_CHANNEL_OPEN = 18,
    /**
     * A message came on a data channel. [`peer_id`, `channel_id`, `data`, `binary`]
     */
    PARLOR_EVENT_CHANNEL_MESSAGE = 19,
    /**
     * A data channel that was too full for a message has room again. [`peer_id`, `channel_id`]
     */
    PARLOR_EVENT_CHANNEL_WRITABLE = 20,
    /**
     * A data channel is closed for good, or could not be opened. [`peer_id`, `channel_id`]
     */
    PARLOR_EVENT_CHANNEL_CLOSE = 21,
    /**
     * Some messages that peers sent to this session alone while it was away from the server are lost.
     */
    PARLOR_EVENT_DATA_LOST = 22,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_event_type parlor_event_type;
#else
typedef int32_t parlor_event_type;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How a media file is played.
 */
enum parlor_file_mode
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Decoded, stamped with frame number and send time, and encoded again at the call's rate.
     */
    PARLOR_FILE_MODE_DECODE = 1,
    /**
     * The file's own frames, as they are.
     */
    PARLOR_FILE_MODE_PASSTHROUGH = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_file_mode parlor_file_mode;
#else
typedef int32_t parlor_file_mode;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a video frame holds. Newer libraries may have more kinds; planes can be had of this one alone.
 */
enum parlor_frame_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Pixels in memory.
     */
    PARLOR_FRAME_KIND_PLANES = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_frame_kind parlor_frame_kind;
#else
typedef int32_t parlor_frame_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How grave a line of the log is.
 */
enum parlor_log_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A bug in the engine.
     */
    PARLOR_LOG_LEVEL_ERROR = 1,
    /**
     * Something went wrong and was coped with.
     */
    PARLOR_LOG_LEVEL_WARN = 2,
    /**
     * The course of a call in a few lines.
     */
    PARLOR_LOG_LEVEL_INFO = 3,
    /**
     * Everything that helps to find a fault; may hold addresses and peer ids.
     */
    PARLOR_LOG_LEVEL_DEBUG = 4,
    /**
     * Every packet.
     */
    PARLOR_LOG_LEVEL_TRACE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_log_level parlor_log_level;
#else
typedef int32_t parlor_log_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a track carries; 0 is none.
 */
enum parlor_media_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Sound.
     */
    PARLOR_MEDIA_KIND_AUDIO = 1,
    /**
     * Pictures.
     */
    PARLOR_MEDIA_KIND_VIDEO = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_media_kind parlor_media_kind;
#else
typedef int32_t parlor_media_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How a message came; 0 is none.
 */
enum parlor_message_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * To everyone in the channel.
     */
    PARLOR_MESSAGE_KIND_BROADCAST = 1,
    /**
     * To this session alone.
     */
    PARLOR_MESSAGE_KIND_DIRECT = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_message_kind parlor_message_kind;
#else
typedef int32_t parlor_message_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The state of the connection to a remote peer; 0 is none.
 */
enum parlor_peer_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Nothing was tried yet.
     */
    PARLOR_PEER_STATE_IDLE = 1,
    /**
     * Being built.
     */
    PARLOR_PEER_STATE_CONNECTING = 2,
    /**
     * Media can flow.
     */
    PARLOR_PEER_STATE_CONNECTED = 3,
    /**
     * Lost and being restored.
     */
    PARLOR_PEER_STATE_RECONNECTING = 4,
    /**
     * Ended.
     */
    PARLOR_PEER_STATE_CLOSED = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_peer_state parlor_peer_state;
#else
typedef int32_t parlor_peer_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How the pixels of a picture lie in memory.
 */
enum parlor_pixel_format
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Three planes, Y then U then V, chroma halved both ways, odd sizes rounded up (BT.601, limited range).
     */
    PARLOR_PIXEL_FORMAT_I420 = 1,
    /**
     * Two planes, Y then interleaved UV, chroma halved both ways (BT.601, limited range).
     */
    PARLOR_PIXEL_FORMAT_NV12 = 2,
    /**
     * One plane, four bytes a pixel: red, green, blue, alpha.
     */
    PARLOR_PIXEL_FORMAT_RGBA = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_pixel_format parlor_pixel_format;
#else
typedef int32_t parlor_pixel_format;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The state of a session; 0 is none.
 */
enum parlor_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * In no channel.
     */
    PARLOR_STATE_IDLE = 1,
    /**
     * On the way into a channel.
     */
    PARLOR_STATE_JOINING = 2,
    /**
     * In the channel.
     */
    PARLOR_STATE_JOINED = 3,
    /**
     * In the channel, but the connection to the server is being restored.
     */
    PARLOR_STATE_RECONNECTING = 4,
    /**
     * On the way out.
     */
    PARLOR_STATE_LEAVING = 5,
    /**
     * Destroyed.
     */
    PARLOR_STATE_CLOSED = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum parlor_state parlor_state;
#else
typedef int32_t parlor_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A mixer that an app pulls its sound from when its device asks, 48 kHz stereo.
 */
typedef struct parlor_audio_playout parlor_audio_playout;

/**
 * A source of sound.
 */
typedef struct parlor_audio_source parlor_audio_source;

/**
 * The threads and sockets that sessions share. Sessions that are given none use the process's default engine.
 */
typedef struct parlor_engine parlor_engine;

/**
 * The pictures that were sent, to compare with those that came. The stamps that Parlor's own sources draw into their
 * pictures name them.
 */
typedef struct parlor_reference parlor_reference;

/**
 * A call: one connection to the server, one channel, one link to each remote peer.
 */
typedef struct parlor_session parlor_session;

/**
 * A set of tracks that belong together, such as a camera and its microphone.
 *
 * Its tracks are added before it is added to a session.
 */
typedef struct parlor_stream parlor_stream;

/**
 * A picture, reference-counted and never changed.
 *
 * A callback borrows the library's reference; `parlor_video_frame_ref` keeps the picture beyond it.
 */
typedef struct parlor_video_frame parlor_video_frame;

/**
 * A source of pictures. Each is encoded once per codec, however many peers receive it.
 */
typedef struct parlor_video_source parlor_video_source;

/**
 * A UTF-8 text: pointer and length, not NUL-terminated.
 *
 * As an argument it is copied before the call returns. In an event it is borrowed for the length of the
 * callback. A text that is absent has `data` NULL and `len` 0.
 */
typedef struct parlor_str {
    /**
     * The bytes; NULL only when `len` is 0.
     */
    const char *data;
    /**
     * How many bytes.
     */
    size_t len;
} parlor_str;

/**
 * How a data channel delivers. A zeroed struct with its `struct_size` is the default: ordered and reliable.
 */
typedef struct parlor_channel_options {
    /**
     * `sizeof(parlor_channel_options)`.
     */
    size_t struct_size;
    /**
     * 1 when messages may overtake each other, else 0.
     */
    int32_t unordered;
    /**
     * 1 when a message is sent again at most `max_retransmits` times, else 0.
     */
    int32_t has_max_retransmits;
    /**
     * How often a message is sent again before it is given up, at most 65,535.
     */
    uint32_t max_retransmits;
    /**
     * For how many milliseconds a message is sent again before it is given up, at most 65,535; 0 for no limit. Not
     * with `has_max_retransmits`.
     */
    uint32_t max_lifetime_ms;
} parlor_channel_options;

/**
 * Options of an engine. Zero a struct and set `struct_size`; zero is the default of everything.
 */
typedef struct parlor_engine_config {
    /**
     * `sizeof(parlor_engine_config)`.
     */
    size_t struct_size;
    /**
     * Local IP addresses to use for media, `bind_address_count` of them; none means every usable interface.
     */
    const struct parlor_str *bind_addresses;
    /**
     * How many addresses.
     */
    size_t bind_address_count;
    /**
     * 1 when loopback addresses are offered to peers beside the others, else 0. Without any other interface they
     * are used in any case.
     */
    int32_t include_loopback;
    /**
     * Must be 0.
     */
    int32_t reserved;
} parlor_engine_config;

/**
 * One plane of a picture.
 */
typedef struct parlor_plane {
    /**
     * The first byte of the first row.
     */
    const uint8_t *data;
    /**
     * How many bytes may be read, at least `stride * (rows - 1)` and one row.
     */
    size_t size;
    /**
     * Bytes from the start of one row to the start of the next.
     */
    size_t stride;
} parlor_plane;

/**
 * A picture in the app's memory. Zero a struct and set what is needed.
 */
typedef struct parlor_video_planes {
    /**
     * `sizeof(parlor_video_planes)`.
     */
    size_t struct_size;
    /**
     * A `PARLOR_PIXEL_FORMAT_...` value.
     */
    int32_t format;
    /**
     * How many of `planes` are used: 3, 2 or 1, as the format has it.
     */
    uint32_t plane_count;
    /**
     * Width in pixels, 1 to 16384.
     */
    uint32_t width;
    /**
     * Height in pixels, 1 to 16384.
     */
    uint32_t height;
    /**
     * The planes.
     */
    struct parlor_plane planes[3];
    /**
     * When the picture was captured, by `parlor_time_us`; 0 means now.
     */
    uint64_t timestamp_us;
    /**
     * Handed to `release` as it is.
     */
    void *userdata;
    /**
     * NULL: the pixels are copied before the call returns. Else they are not copied: they must stay as they are
     * until this is called, exactly once, on any thread and perhaps before the call returns. It is not called
     * when the call fails.
     */
    void (*release)(void *userdata);
} parlor_video_planes;

/**
 * How many objects are alive in this process: what was forgotten shows here. Set `struct_size` before you ask.
 */
typedef struct parlor_live_objects {
    /**
     * `sizeof(parlor_live_objects)`, set by the caller.
     */
    size_t struct_size;
    /**
     * Engines, the default one included.
     */
    uint64_t engines;
    /**
     * Sessions; one that leaves in the background counts no more.
     */
    uint64_t sessions;
    /**
     * Streams of this process; a session keeps those that were added to it.
     */
    uint64_t streams;
    /**
     * Sources of pictures and of sound; a stream keeps its own.
     */
    uint64_t sources;
    /**
     * Pictures that the app holds a reference to, or is being lent.
     */
    uint64_t frames;
} parlor_live_objects;

/**
 * Receives what the engine logs.
 */
typedef struct parlor_log_sink {
    /**
     * `sizeof(parlor_log_sink)`.
     */
    size_t struct_size;
    /**
     * A `PARLOR_LOG_LEVEL_...` value: the least grave lines that are wanted.
     */
    int32_t level;
    /**
     * Must be 0.
     */
    int32_t reserved;
    /**
     * Called for each line, on any thread and on several at once; not NULL. It must not block; what the engine logs
     * meanwhile on the same thread is dropped. The texts are borrowed for the length of the call.
     */
    void (*on_line)(void *userdata, int32_t level, struct parlor_str target, struct parlor_str message);
    /**
     * Handed to the callbacks as it is.
     */
    void *userdata;
    /**
     * Called exactly once, after the last line; may be NULL.
     */
    void (*destroy)(void *userdata);
} parlor_log_sink;

/**
 * Figures of the connection to a remote peer, renewed about twice a second. Set `struct_size` before you ask.
 */
typedef struct parlor_peer_stats {
    /**
     * `sizeof(parlor_peer_stats)`, set by the caller.
     */
    size_t struct_size;
    /**
     * Round-trip time in microseconds; 0 while it is not known.
     */
    uint64_t round_trip_us;
    /**
     * Bytes sent on the link so far.
     */
    uint64_t bytes_sent;
    /**
     * Bytes received on the link so far.
     */
    uint64_t bytes_received;
    /**
     * What was sent over the last interval, in bits per second.
     */
    uint64_t send_bps;
    /**
     * What was received over the last interval, in bits per second.
     */
    uint64_t receive_bps;
    /**
     * Media packets that never came, so far.
     */
    uint64_t packets_lost;
    /**
     * Media packets received so far.
     */
    uint64_t packets_received;
} parlor_peer_stats;

/**
 * Figures of a received track. Set `struct_size` before you ask.
 */
typedef struct parlor_track_stats {
    /**
     * `sizeof(parlor_track_stats)`, set by the caller.
     */
    size_t struct_size;
    /**
     * A `PARLOR_CODEC_...` value; 0 until something was received.
     */
    int32_t codec;
    /**
     * A `PARLOR_MEDIA_KIND_...` value; 0 while it is not known.
     */
    int32_t media_kind;
    /**
     * Width of the last picture in pixels.
     */
    uint32_t width;
    /**
     * Height of the last picture in pixels.
     */
    uint32_t height;
    /**
     * Pictures decoded so far.
     */
    uint64_t frames_decoded;
    /**
     * Pictures that were received but not decoded or not delivered.
     */
    uint64_t frames_dropped;
    /**
     * Freezes by the rule of W3C webrtc-stats (`freezeCount`).
     */
    uint64_t freezes;
    /**
     * Keyframes asked for.
     */
    uint64_t keyframe_requests;
    /**
     * Sound played so far in microseconds, concealment included.
     */
    uint64_t audio_played_us;
    /**
     * Sound that concealed losses, in microseconds.
     */
    uint64_t audio_concealed_us;
    /**
     * Packets that came, so far.
     */
    uint64_t packets_received;
    /**
     * Packets that never came, so far.
     */
    uint64_t packets_lost;
    /**
     * Level of the sound over the last 20 ms in dBFS; -127 for silence.
     */
    float level_dbfs;
    /**
     * Always 0.
     */
    uint32_t reserved;
} parlor_track_stats;

/**
 * A STUN or TURN server.
 */
typedef struct parlor_ice_server {
    /**
     * `sizeof(parlor_ice_server)`, the same in all elements of an array.
     */
    size_t struct_size;
    /**
     * URLs such as `stun:stun.example.org:3478`, `url_count` of them.
     */
    const struct parlor_str *urls;
    /**
     * How many URLs.
     */
    size_t url_count;
    /**
     * The TURN user name; empty for none.
     */
    struct parlor_str username;
    /**
     * The TURN password; empty for none.
     */
    struct parlor_str credential;
} parlor_ice_server;

/**
 * Options of a session. Zero a struct, set `struct_size`, `url` and the credential; zero is the default of
 * everything else.
 */
typedef struct parlor_session_config {
    /**
     * `sizeof(parlor_session_config)`.
     */
    size_t struct_size;
    /**
     * The server's origin, such as `wss://call.example.org`; `ws://` only for this machine.
     */
    struct parlor_str url;
    /**
     * A `PARLOR_CREDENTIAL_...` value: what `credential` is.
     */
    int32_t credential_kind;
    /**
     * 1 when channel messages shall carry their sender's metadata, else 0.
     */
    int32_t include_sender_metadata;
    /**
     * The key or the token.
     */
    struct parlor_str credential;
    /**
     * ICE servers beside those that the server names, `ice_server_count` of them.
     */
    const struct parlor_ice_server *ice_servers;
    /**
     * How many ICE servers.
     */
    size_t ice_server_count;
    /**
     * Video codecs to offer, best first, as `PARLOR_CODEC_...` values; none means VP8 then H.264.
     */
    const int32_t *video_codecs;
    /**
     * How many video codecs.
     */
    size_t video_codec_count;
    /**
     * PEM certificates that are trusted beside the platform's; empty for none.
     */
    struct parlor_str extra_roots_pem;
    /**
     * The engine to run on; NULL means the process's default engine. The session keeps a reference of its own.
     */
    const struct parlor_engine *engine;
} parlor_session_config;

/**
 * One event. It and what it points to are borrowed for the length of the callback.
 *
 * Ids are unique within the session and never reused; 0 is none. Newer libraries append fields: look at
 * `struct_size` before you read one that is younger than the library you ask for.
 */
typedef struct parlor_event {
    /**
     * The size of the library's `parlor_event`.
     */
    size_t struct_size;
    /**
     * A `PARLOR_EVENT_...` value.
     */
    int32_t type;
    /**
     * How a request ended or what failed; otherwise `PARLOR_STATUS_OK`.
     */
    parlor_status status;
    /**
     * The request that ended or that is to be answered.
     */
    uint64_t request_id;
    /**
     * The remote peer that it is about.
     */
    uint64_t peer_id;
    /**
     * The remote stream that it is about.
     */
    uint64_t stream_id;
    /**
     * The remote track that it is about.
     */
    uint64_t track_id;
    /**
     * The state before: `PARLOR_STATE_...` or `PARLOR_PEER_STATE_...`.
     */
    int32_t from_state;
    /**
     * The state now.
     */
    int32_t to_state;
    /**
     * A `PARLOR_MEDIA_KIND_...` value.
     */
    int32_t media_kind;
    /**
     * A `PARLOR_MESSAGE_KIND_...` value.
     */
    int32_t message_kind;
    /**
     * When the server expects to be back, in milliseconds.
     */
    uint64_t retry_after_ms;
    /**
     * The id on the wire of the peer or stream.
     */
    struct parlor_str wire_id;
    /**
     * The channel.
     */
    struct parlor_str channel;
    /**
     * A sentence for people.
     */
    struct parlor_str text;
    /**
     * A message: a JSON text; on a data channel a text, or any bytes if `binary` is 1.
     */
    struct parlor_str data;
    /**
     * Metadata, a JSON object.
     */
    struct parlor_str metadata;
    /**
     * The data channel that it is about.
     */
    uint64_t channel_id;
    /**
     * The data channel's label.
     */
    struct parlor_str label;
    /**
     * 1 when the peer opened the data channel.
     */
    int32_t incoming;
    /**
     * 1 when the message is bytes.
     */
    int32_t binary;
} parlor_event;

/**
 * Receives the events of a session.
 *
 * They come one at a time on a thread of the session's own. The callback may call every function, also
 * `parlor_session_destroy`. A C++ callback must not let an exception out.
 */
typedef struct parlor_listener {
    /**
     * `sizeof(parlor_listener)`.
     */
    size_t struct_size;
    /**
     * Called for each event; not NULL.
     */
    void (*on_event)(void *userdata, const struct parlor_event *event);
    /**
     * Handed to the callbacks as it is.
     */
    void *userdata;
    /**
     * Called exactly once, after the last event; may be NULL.
     */
    void (*destroy)(void *userdata);
} parlor_listener;

/**
 * One encoded picture or packet of sound. In a callback it and its bytes are borrowed; as an argument they are
 * copied.
 */
typedef struct parlor_encoded_frame {
    /**
     * `sizeof(parlor_encoded_frame)`.
     */
    size_t struct_size;
    /**
     * A `PARLOR_CODEC_...` value.
     */
    int32_t codec;
    /**
     * 1 when a decoder can start here, else 0. Sound always can.
     */
    int32_t keyframe;
    /**
     * One VP8 frame, one H.264 access unit (Annex B) or one Opus packet.
     */
    const uint8_t *data;
    /**
     * How many bytes.
     */
    size_t size;
    /**
     * When it was captured or is due, by `parlor_time_us`; pushed, 0 means now.
     */
    uint64_t timestamp_us;
    /**
     * How long a packet of sound lasts, in microseconds; 0 for pictures.
     */
    uint64_t duration_us;
} parlor_encoded_frame;

/**
 * Receives one remote video track, on a media thread.
 *
 * The callbacks must not block, may call only functions that are marked for media callbacks, and a C++ callback
 * must not let an exception out. A slow sink loses frames, counted as dropped. At least one callback is set.
 */
typedef struct parlor_video_sink {
    /**
     * `sizeof(parlor_video_sink)`.
     */
    size_t struct_size;
    /**
     * Called for each decoded picture. NULL saves the decoding.
     */
    void (*on_frame)(void *userdata, const struct parlor_video_frame *frame);
    /**
     * Called for each encoded frame before it is decoded; may be NULL.
     */
    void (*on_encoded)(void *userdata, const struct parlor_encoded_frame *frame);
    /**
     * Handed to the callbacks as it is.
     */
    void *userdata;
    /**
     * Called exactly once, after the last frame; may be NULL.
     */
    void (*destroy)(void *userdata);
} parlor_video_sink;

/**
 * Sound. It and its samples are borrowed for the length of the callback.
 */
typedef struct parlor_audio_frame {
    /**
     * The size of the library's `parlor_audio_frame`.
     */
    size_t struct_size;
    /**
     * Interleaved samples.
     */
    const int16_t *samples;
    /**
     * How many samples, all channels together.
     */
    size_t sample_count;
    /**
     * Samples per second and channel.
     */
    uint32_t sample_rate;
    /**
     * Interleaved channels.
     */
    uint32_t channels;
    /**
     * When the first sample is due, by `parlor_time_us`.
     */
    uint64_t timestamp_us;
} parlor_audio_frame;

/**
 * Receives one remote audio track, on the playout thread.
 *
 * The callbacks must not block, may call only functions that are marked for media callbacks, and a C++ callback
 * must not let an exception out. At least one callback is set.
 */
typedef struct parlor_audio_sink {
    /**
     * `sizeof(parlor_audio_sink)`.
     */
    size_t struct_size;
    /**
     * Called for each 20 ms of sound, 48 kHz stereo, with losses concealed; may be NULL.
     */
    void (*on_frame)(void *userdata, const struct parlor_audio_frame *frame);
    /**
     * Called for each Opus packet as it arrives, in arrival order; may be NULL.
     */
    void (*on_encoded)(void *userdata, const struct parlor_encoded_frame *frame);
    /**
     * Handed to the callbacks as it is.
     */
    void *userdata;
    /**
     * Called exactly once, after the last frame; may be NULL.
     */
    void (*destroy)(void *userdata);
} parlor_audio_sink;

/**
 * Tells the app that feeds encoded frames what the receivers need.
 *
 * The callbacks run on threads of the engine, must not block, may call only functions that are marked for media
 * callbacks, and a C++ callback must not let an exception out.
 */
typedef struct parlor_encoded_observer {
    /**
     * `sizeof(parlor_encoded_observer)`.
     */
    size_t struct_size;
    /**
     * Called when the next frame should be a keyframe: a receiver joined or lost too much. Not NULL.
     */
    void (*on_keyframe_request)(void *userdata);
    /**
     * Called when the rate to aim at changes; may be NULL.
     */
    void (*on_target_bitrate)(void *userdata, uint64_t bits_per_second);
    /**
     * Handed to the callbacks as it is.
     */
    void *userdata;
    /**
     * Called exactly once, after the last callback, when the source has ended; may be NULL.
     */
    void (*destroy)(void *userdata);
} parlor_encoded_observer;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Opens a data channel to a peer (RFC 8831): straight to it, not through the server.
 *
 * It is open at `PARLOR_EVENT_CHANNEL_OPEN`; what is sent before waits. When the link to the peer is replaced it is
 * opened again by itself, and the event comes again; what the old link had not delivered is lost. It ends with
 * `PARLOR_EVENT_CHANNEL_CLOSE`.
 *
 * - Ownership: `label` and `options` are copied; `options` may be NULL for the default.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such peer, `PARLOR_STATUS_INVALID_ARGUMENT` for a label of more
 *   than 65,535 bytes or a wrong option, `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`,
 *   `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_open_channel(struct parlor_session *session,
                                          uint64_t peer_id,
                                          struct parlor_str label,
                                          const struct parlor_channel_options *options,
                                          uint64_t *out_channel_id);

/**
 * Sends a message on a data channel, whoever opened it.
 *
 * At most 1 MiB and 256 messages wait in a channel beside the 1 MiB that its link has in flight. A message that does
 * not fit is refused as a whole with `PARLOR_STATUS_BUSY`; `PARLOR_EVENT_CHANNEL_WRITABLE` says when to go on.
 *
 * - `binary`: 1 for bytes, 0 for a text in UTF-8.
 * - Ownership: `data` is copied.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_BUSY`, `PARLOR_STATUS_PAYLOAD_TOO_LARGE` for more than the peer takes (64 KiB until the channel
 *   is open, then what the peer said, 128 KiB at most), `PARLOR_STATUS_UNKNOWN_ID` when there is no such channel,
 *   `PARLOR_STATUS_INVALID_ARGUMENT`, `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_CLOSED`,
 *   `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_send_channel(struct parlor_session *session,
                                          uint64_t channel_id,
                                          const uint8_t *data,
                                          size_t size,
                                          int32_t binary);

/**
 * Closes a data channel, whoever opened it; what waits in it is lost.
 *
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such channel, `PARLOR_STATUS_CLOSED`,
 *   `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API parlor_status parlor_session_close_channel(struct parlor_session *session, uint64_t channel_id);

/**
 * Tells how many bytes wait in a data channel beside those that its link has in flight.
 *
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such channel, `PARLOR_STATUS_CLOSED`,
 *   `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_channel_buffered_amount(struct parlor_session *session,
                                                     uint64_t channel_id,
                                                     size_t *out_bytes);

/**
 * Starts an engine.
 *
 * - Ownership: `config` may be NULL for the defaults and is copied. The caller releases the engine with
 *   `parlor_engine_release`.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` for an address that is none, `PARLOR_STATUS_CONNECTION_FAILED` when
 *   no socket can be opened.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_engine_create(const struct parlor_engine_config *config,
                                   struct parlor_engine **out_engine);

/**
 * Gives the engine back; NULL does nothing. It ends with the last session that runs on it.
 *
 * - Ownership: the handle must not be used again.
 * - Threads: any, also event callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API void parlor_engine_release(struct parlor_engine *engine);

/**
 * Makes a picture of the app's memory.
 *
 * - Ownership: the caller owns one reference to the picture and gives it back with `parlor_video_frame_unref`.
 *   The pixels are copied, or lent until `release` is called.
 * - Threads: any, also media callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_FRAME` when size, format or planes do not fit, `PARLOR_STATUS_NULL_POINTER`,
 *   `PARLOR_STATUS_INVALID_ARGUMENT` for an unknown format, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_video_frame_create(const struct parlor_video_planes *planes,
                                        struct parlor_video_frame **out_frame);

/**
 * Takes one more reference to a picture; returns it, or NULL for NULL.
 *
 * - Ownership: the caller gives the reference back with `parlor_video_frame_unref`.
 * - Threads: any, also media callbacks.
 * - Errors: NULL for NULL.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API struct parlor_video_frame *parlor_video_frame_ref(const struct parlor_video_frame *frame);

/**
 * Gives one reference to a picture back; NULL does nothing.
 *
 * - Ownership: the reference must not be used again.
 * - Threads: any, also media callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API void parlor_video_frame_unref(struct parlor_video_frame *frame);

/**
 * Returns what a picture holds, a `PARLOR_FRAME_KIND_...` value.
 *
 * - Threads: any, also media callbacks.
 * - Errors: 0 for NULL.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API int32_t parlor_video_frame_kind(const struct parlor_video_frame *frame);

/**
 * Returns a picture's `PARLOR_PIXEL_FORMAT_...` value.
 *
 * - Threads: any, also media callbacks.
 * - Errors: 0 for NULL.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API int32_t parlor_video_frame_format(const struct parlor_video_frame *frame);

/**
 * Returns a picture's width in pixels.
 *
 * - Threads: any, also media callbacks.
 * - Errors: 0 for NULL.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API uint32_t parlor_video_frame_width(const struct parlor_video_frame *frame);

/**
 * Returns a picture's height in pixels.
 *
 * - Threads: any, also media callbacks.
 * - Errors: 0 for NULL.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API uint32_t parlor_video_frame_height(const struct parlor_video_frame *frame);

/**
 * Returns when a picture was captured or is due, by `parlor_time_us`.
 *
 * - Threads: any, also media callbacks.
 * - Errors: 0 for NULL.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API uint64_t parlor_video_frame_timestamp_us(const struct parlor_video_frame *frame);

/**
 * Gets one plane of a picture, counted from 0.
 *
 * - Ownership: `out_plane` points into the picture and lasts as long as the caller's reference or callback.
 * - Threads: any, also media callbacks.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`; `PARLOR_STATUS_INVALID_ARGUMENT` when there is no such plane.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_video_frame_plane(const struct parlor_video_frame *frame,
                                       uint32_t index,
                                       struct parlor_plane *out_plane);

/**
 * Writes a picture into the caller's memory in a pixel format of choice, all planes packed without padding.
 *
 * `out_size` may be NULL; it gets the bytes needed also when `buffer` is too short, so that a capacity of 0 asks.
 *
 * - Ownership: `buffer` stays the caller's.
 * - Threads: any, also media callbacks.
 * - Errors: `PARLOR_STATUS_BUFFER_TOO_SMALL`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_ARGUMENT` for an
 *   unknown format, `PARLOR_STATUS_CODEC_FAILED` when the conversion fails.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_video_frame_convert(const struct parlor_video_frame *frame,
                                         int32_t format,
                                         uint8_t *buffer,
                                         size_t capacity,
                                         size_t *out_size);

/**
 * Writes a picture to a PNG file, replacing one that is there.
 *
 * It encodes and writes before it returns: keep the picture and call this elsewhere than in a media callback.
 *
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_MEDIA_FILE` when the file cannot be written, `PARLOR_STATUS_INVALID_ARGUMENT` for an
 *   empty path, `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_video_frame_write_png(const struct parlor_video_frame *frame,
                                           struct parlor_str path);

/**
 * Returns the message of the calling thread's last failure, one sentence for people; empty when none failed.
 *
 * Success does not clear it.
 *
 * - Ownership: the library keeps the text; it lasts until the next call on this thread that fails.
 * - Threads: any, also media callbacks; each thread has its own message.
 * - Errors: none, never NULL.
 * - Since: 0.1.0
 */
PARLOR_API const char *parlor_last_error_message(void);

/**
 * Gets how many objects are alive in this process.
 *
 * - Ownership: the caller sets `out_objects->struct_size`; the library fills the rest.
 * - Threads: any, also media callbacks.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API parlor_status parlor_live_objects_get(struct parlor_live_objects *out_objects);

/**
 * Sets where the engine's log goes, for the whole process; NULL makes it silent again.
 *
 * When this returns the sink before is not called any more and its `destroy` has been called, except from inside
 * one of its own callbacks, where that follows.
 *
 * - Ownership: `sink` is copied; its `userdata` is the library's until its `destroy`, if the call works.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` for an unknown level, `PARLOR_STATUS_NULL_POINTER` without a callback,
 *   `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_log_set_sink(const struct parlor_log_sink *sink);

/**
 * Returns an event type's name, such as `peer-joined`; `unknown` for a number that is none.
 *
 * - Ownership: the text is static.
 * - Threads: any, also media callbacks.
 * - Errors: none, never NULL.
 * - Since: 0.1.0
 */
PARLOR_API const char *parlor_event_type_name(int32_t event_type);

/**
 * Returns the name of a session's state, such as `joined`; `unknown` for a number that is none.
 *
 * - Ownership: the text is static.
 * - Threads: any, also media callbacks.
 * - Errors: none, never NULL.
 * - Since: 0.1.0
 */
PARLOR_API const char *parlor_state_name(int32_t state);

/**
 * Returns the name of a peer's state, such as `connected`; `unknown` for a number that is none.
 *
 * - Ownership: the text is static.
 * - Threads: any, also media callbacks.
 * - Errors: none, never NULL.
 * - Since: 0.1.0
 */
PARLOR_API const char *parlor_peer_state_name(int32_t state);

/**
 * Returns a codec's name as SDP has it, such as `VP8`; `unknown` for a number that is none.
 *
 * - Ownership: the text is static.
 * - Threads: any, also media callbacks.
 * - Errors: none, never NULL.
 * - Since: 0.1.0
 */
PARLOR_API const char *parlor_codec_name(int32_t codec);

/**
 * Gets the ids of the remote peers, in the order in which they came.
 *
 * `out_count` may be NULL; it gets how many there are also when `ids` is too short, so that a capacity of 0 asks.
 *
 * - Ownership: `ids` stays the caller's; `capacity` counts ids.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_BUFFER_TOO_SMALL`, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_peers(const struct parlor_session *session,
                                   uint64_t *ids,
                                   size_t capacity,
                                   size_t *out_count);

/**
 * Gets the state of the connection to a remote peer, a `PARLOR_PEER_STATE_...` value.
 *
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such peer, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_peer_state(const struct parlor_session *session,
                                        uint64_t peer_id,
                                        int32_t *out_state);

/**
 * Gets a remote peer's id on the wire.
 *
 * `out_length` may be NULL; it gets the length without the NUL also when `buffer` is too short, so that a capacity
 * of 0 asks.
 *
 * - Ownership: the text and a NUL are written into `buffer`, which stays the caller's.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such peer, `PARLOR_STATUS_BUFFER_TOO_SMALL`,
 *   `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_peer_wire_id(const struct parlor_session *session,
                                          uint64_t peer_id,
                                          char *buffer,
                                          size_t capacity,
                                          size_t *out_length);

/**
 * Gets what the server says of a remote peer, a JSON object; an empty text when it says nothing.
 *
 * `out_length` may be NULL; it gets the length without the NUL also when `buffer` is too short, so that a capacity
 * of 0 asks.
 *
 * - Ownership: the text and a NUL are written into `buffer`, which stays the caller's.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such peer, `PARLOR_STATUS_BUFFER_TOO_SMALL`,
 *   `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_peer_metadata(const struct parlor_session *session,
                                           uint64_t peer_id,
                                           char *buffer,
                                           size_t capacity,
                                           size_t *out_length);

/**
 * Gets the figures of the connection to a remote peer.
 *
 * - Ownership: the caller sets `out_stats->struct_size`; the library fills the rest.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such peer, `PARLOR_STATUS_CLOSED`,
 *   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_peer_stats(const struct parlor_session *session,
                                        uint64_t peer_id,
                                        struct parlor_peer_stats *out_stats);

/**
 * Gets the figures of a remote track.
 *
 * - Ownership: the caller sets `out_stats->struct_size`; the library fills the rest.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such remote track, `PARLOR_STATUS_CLOSED`,
 *   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_track_stats(const struct parlor_session *session,
                                         uint64_t track_id,
                                         struct parlor_track_stats *out_stats);

/**
 * Makes a mixer without tracks.
 *
 * - Ownership: the caller releases it with `parlor_audio_playout_release`.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API parlor_status parlor_audio_playout_create(struct parlor_audio_playout **out_playout);

/**
 * Mixes a remote audio track into what a playout plays, in place of the track's sink. It ends when the track ends or
 * gets another sink or none.
 *
 * - Ownership: the track keeps what it needs of the playout; the caller's reference stays the caller's.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such remote audio track, `PARLOR_STATUS_CLOSED`,
 *   `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_play(struct parlor_session *session,
                                  uint64_t track_id,
                                  const struct parlor_audio_playout *playout);

/**
 * Fills `samples` with interleaved 16-bit stereo, and with silence where no track has sound. It never waits.
 *
 * `sample_count` counts the samples of both channels together. `out_filled` may be NULL; it gets how many samples some
 * track had.
 *
 * - Ownership: `samples` stays the caller's.
 * - Threads: any, also media callbacks and a device's own.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`; `PARLOR_STATUS_INVALID_ARGUMENT` when `samples` is not aligned.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_audio_playout_pull(const struct parlor_audio_playout *playout,
                                        int16_t *samples,
                                        size_t sample_count,
                                        size_t *out_filled);

/**
 * Gives the playout back; NULL does nothing. Tracks that are mixed in go on into nowhere.
 *
 * - Ownership: the handle must not be used again.
 * - Threads: any, also event callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API void parlor_audio_playout_release(struct parlor_audio_playout *playout);

/**
 * Records a remote track into a file, replacing one that is there.
 *
 * The name's end says what is written: `.ivf` a video track's frames as they came, `.ogg` an audio track's packets
 * as they came, `.wav` an audio track's sound as it is played. The recording takes the place of the track's sink;
 * it ends when the track ends or gets another sink or none.
 *
 * - Ownership: `path` is copied.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such track of that kind, `PARLOR_STATUS_MEDIA_FILE` when
 *   the file cannot be made, `PARLOR_STATUS_INVALID_ARGUMENT` for another end of the name,
 *   `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_record(struct parlor_session *session,
                                    uint64_t track_id,
                                    struct parlor_str path);

/**
 * Opens a VP8 file in IVF that somebody in the call plays with `PARLOR_FILE_MODE_DECODE`.
 *
 * - Ownership: the caller releases it with `parlor_reference_release`. `path` is copied.
 * - Threads: any, also event callbacks. It reads the file before it returns.
 * - Errors: `PARLOR_STATUS_MEDIA_FILE` when the file cannot be read or is something else,
 *   `PARLOR_STATUS_INVALID_ARGUMENT`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_reference_create_from_file(struct parlor_str path,
                                                struct parlor_reference **out_reference);

/**
 * Makes the reference of the test pattern, for pictures of one size.
 *
 * - Ownership: the caller releases it with `parlor_reference_release`.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when the size is out of range, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_reference_create_test_pattern(uint32_t width,
                                                   uint32_t height,
                                                   struct parlor_reference **out_reference);

/**
 * Gets the peak signal-to-noise ratio of a received picture in dB, all samples together, against the picture that
 * the stamp in it names.
 *
 * Pictures are best asked for in the order in which they came: going back means decoding from the start.
 *
 * - Threads: any, also media callbacks, one at a time. It takes about as long as decoding the picture did.
 * - Errors: `PARLOR_STATUS_INVALID_FRAME` when the picture has no readable stamp or another size than the reference's,
 *   `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_reference_psnr(const struct parlor_reference *reference,
                                    const struct parlor_video_frame *frame,
                                    double *out_db);

/**
 * Gives the file back; NULL does nothing.
 *
 * - Ownership: the handle must not be used again.
 * - Threads: any, also event callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API void parlor_reference_release(struct parlor_reference *reference);

/**
 * Makes a session; it does not connect yet.
 *
 * - Ownership: the caller ends it with `parlor_session_destroy`. `config` and `listener` are copied; the listener's
 *   `userdata` is the library's until its `destroy`, if the call works.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when the URL, the credential or an ICE server is not well-formed,
 *   `PARLOR_STATUS_UNSUPPORTED_CODEC` when a codec is not compiled in, `PARLOR_STATUS_NULL_POINTER`,
 *   `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_UNSUPPORTED_FIELD`, `PARLOR_STATUS_CONNECTION_FAILED` when the
 *   default engine can open no socket.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_create(const struct parlor_session_config *config,
                                    const struct parlor_listener *listener,
                                    struct parlor_session **out_session);

/**
 * Takes one more reference to a session, such as for another thread; returns it, or NULL for NULL.
 *
 * Once the session is destroyed, the reference answers `PARLOR_STATUS_CLOSED`.
 *
 * - Ownership: the caller gives the reference back with `parlor_session_release` or `parlor_session_destroy`.
 * - Threads: any, also event callbacks.
 * - Errors: NULL for NULL.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API struct parlor_session *parlor_session_retain(struct parlor_session *session);

/**
 * Gives one reference back; NULL does nothing. The last one ends the session as `parlor_session_destroy` does.
 *
 * - Ownership: the reference must not be used again.
 * - Threads: any, also event callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
void parlor_session_release(struct parlor_session *session);

/**
 * Ends the session and gives the reference back; NULL does nothing.
 *
 * A joined session leaves in the background. When this returns, no callback of the session runs and none will be
 * called, the `destroy` of its listener and sinks included. Called from inside one of those callbacks it does not
 * wait for that one, whose `destroy` follows when it returns.
 *
 * - Ownership: the reference must not be used again. Others answer `PARLOR_STATUS_CLOSED` from now on.
 * - Threads: any, also event callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
void parlor_session_destroy(struct parlor_session *session);

/**
 * Starts joining a channel. Ends with `PARLOR_EVENT_REQUEST_DONE`, and `PARLOR_EVENT_JOINED` before it
 * when it worked.
 *
 * - Ownership: `channel` is copied; `out_request_id` may be NULL.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` for a name that no server accepts, `PARLOR_STATUS_INVALID_STATE` when
 *   the session is in a channel, `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_join(struct parlor_session *session,
                                  struct parlor_str channel,
                                  uint64_t *out_request_id);

/**
 * Starts leaving. Ends with `PARLOR_EVENT_LEFT` and `PARLOR_EVENT_REQUEST_DONE` within a bound, whatever
 * the network does. Streams stay added, and the session may join again.
 *
 * - Ownership: `out_request_id` may be NULL.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API parlor_status parlor_session_leave(struct parlor_session *session, uint64_t *out_request_id);

/**
 * Adds a stream; everyone in the channel gets it, now or when the session joins.
 *
 * `metadata` is a JSON object that receivers get with `PARLOR_EVENT_STREAM_ADDED`; empty for none.
 *
 * - Ownership: the session keeps a reference to the stream; the caller's stays the caller's.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when the metadata is no JSON object or the stream has no tracks or was
 *   added before, `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_add_stream(struct parlor_session *session,
                                        const struct parlor_stream *stream,
                                        struct parlor_str metadata);

/**
 * Takes a stream back, by the id that `parlor_stream_id` tells.
 *
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when the session does not have it, `PARLOR_STATUS_CLOSED`,
 *   `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API parlor_status parlor_session_remove_stream(struct parlor_session *session, uint64_t stream_id);

/**
 * Sends a JSON text to one peer, or with a `peer_id` of 0 to everyone in the channel. Ends with
 * `PARLOR_EVENT_REQUEST_DONE`. It goes through the server, whose protocol carries JSON alone: bytes travel on data
 * channels (`parlor_session_send_channel`).
 *
 * - Ownership: `data` is copied; `out_request_id` may be NULL.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when `data` is no JSON, `PARLOR_STATUS_UNKNOWN_ID` when there is no such
 *   peer, `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_send(struct parlor_session *session,
                                  uint64_t peer_id,
                                  struct parlor_str data,
                                  uint64_t *out_request_id);

/**
 * Answers `PARLOR_EVENT_TOKEN_NEEDED`; an empty token means that there is none and the attempt fails.
 *
 * - Ownership: `token` is copied.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_provide_token(struct parlor_session *session,
                                           uint64_t request_id,
                                           struct parlor_str token);

/**
 * Says that the device is on another network, for systems that do not tell the engine: on phones, from the platform's
 * own notice; Linux needs no call.
 *
 * Sockets are opened on the addresses that are there now, paths are checked at once, what was lost is restarted at
 * once. Harmless when nothing changed.
 *
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * `session` is NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_network_changed(struct parlor_session *session);

/**
 * Sets where a remote video track goes; NULL stops it.
 *
 * When this returns the sink before is not called any more and its `destroy` has been called, except from inside
 * one of its own callbacks, where that follows.
 *
 * - Ownership: `sink` is copied; its `userdata` is the library's until its `destroy`, if the call works.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such remote video track, `PARLOR_STATUS_CLOSED`,
 *   `PARLOR_STATUS_NULL_POINTER` also when the sink has no callback, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_set_video_sink(struct parlor_session *session,
                                            uint64_t track_id,
                                            const struct parlor_video_sink *sink);

/**
 * Sets where a remote audio track goes; NULL stops it. Otherwise as `parlor_session_set_video_sink`.
 *
 * - Ownership: `sink` is copied; its `userdata` is the library's until its `destroy`, if the call works.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such remote audio track, `PARLOR_STATUS_CLOSED`,
 *   `PARLOR_STATUS_NULL_POINTER` also when the sink has no callback, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_set_audio_sink(struct parlor_session *session,
                                            uint64_t track_id,
                                            const struct parlor_audio_sink *sink);

/**
 * Gets the session's state, a `PARLOR_STATE_...` value.
 *
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API parlor_status parlor_session_state(const struct parlor_session *session, int32_t *out_state);

/**
 * Gets this session's own peer id on the wire.
 *
 * `out_length` may be NULL; it gets the length without the NUL also when `buffer` is too short, so that a capacity
 * of 0 asks.
 *
 * - Ownership: the text and a NUL are written into `buffer`, which stays the caller's.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_STATE` before the server has given one, `PARLOR_STATUS_BUFFER_TOO_SMALL`,
 *   `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_session_peer_id(const struct parlor_session *session,
                                     char *buffer,
                                     size_t capacity,
                                     size_t *out_length);

/**
 * Makes a source that the app feeds with `parlor_video_source_push` or `parlor_video_source_push_planes`.
 *
 * - Ownership: the caller releases it with `parlor_video_source_release`.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API parlor_status parlor_video_source_create(struct parlor_video_source **out_source);

/**
 * Makes a source that the app feeds with `parlor_video_source_push_encoded` frames of one codec.
 *
 * - Ownership: the caller releases it with `parlor_video_source_release`. `observer` is copied; its `userdata`
 *   is the library's until `destroy`, if the call works.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_UNSUPPORTED_CODEC` when the codec is not one for pictures,
 *   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_video_source_create_encoded(int32_t codec,
                                                 const struct parlor_encoded_observer *observer,
                                                 struct parlor_video_source **out_source);

/**
 * Makes a moving test pattern, stamped with frame number and send time.
 *
 * - Ownership: the caller releases it with `parlor_video_source_release`.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when size or rate is out of range, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_video_source_create_test_pattern(uint32_t width,
                                                      uint32_t height,
                                                      uint32_t frames_per_second,
                                                      struct parlor_video_source **out_source);

/**
 * Plays a VP8 file in IVF, over and over. `mode` is a `PARLOR_FILE_MODE_...` value.
 *
 * - Ownership: the caller releases it with `parlor_video_source_release`. `path` is copied.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_MEDIA_FILE` when the file cannot be read or is something else,
 *   `PARLOR_STATUS_INVALID_ARGUMENT`, `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_video_source_create_from_file(struct parlor_str path,
                                                   int32_t mode,
                                                   struct parlor_video_source **out_source);

/**
 * Gives a picture to the encoders; returns at once. A picture that comes before the one before it was encoded
 * takes its place.
 *
 * - Ownership: the library takes a reference of its own; the caller's stays the caller's.
 * - Threads: any, also media callbacks, so that a received picture can be passed on.
 * - Errors: `PARLOR_STATUS_INVALID_STATE` when this source is fed otherwise, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_video_source_push(struct parlor_video_source *source,
                                       const struct parlor_video_frame *frame);

/**
 * Gives a picture in the app's memory to the encoders; otherwise as `parlor_video_source_push`.
 *
 * - Ownership: the pixels are copied, or lent until `release` is called.
 * - Threads: any, also media callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_FRAME` when size, format or planes do not fit, `PARLOR_STATUS_INVALID_STATE` when
 *   this source is fed otherwise, `PARLOR_STATUS_INVALID_ARGUMENT` for an unknown format,
 *   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_video_source_push_planes(struct parlor_video_source *source,
                                              const struct parlor_video_planes *planes);

/**
 * Sends an encoded frame; returns at once.
 *
 * - Ownership: the bytes are copied.
 * - Threads: any, also media callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_STATE` when this source is fed otherwise, `PARLOR_STATUS_INVALID_FRAME` when the
 *   frame is empty or of another codec, `PARLOR_STATUS_UNSUPPORTED_CODEC`, `PARLOR_STATUS_INVALID_ARGUMENT`,
 *   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_video_source_push_encoded(struct parlor_video_source *source,
                                               const struct parlor_encoded_frame *frame);

/**
 * Gets how many pictures this source was given so far.
 *
 * - Threads: any, also media callbacks.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_video_source_frames(const struct parlor_video_source *source,
                                         uint64_t *out_frames);

/**
 * Gives the source back; NULL does nothing. Streams that have it keep it.
 *
 * - Ownership: the handle must not be used again.
 * - Threads: any, also event callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API void parlor_video_source_release(struct parlor_video_source *source);

/**
 * Makes a source that the app feeds with `parlor_audio_source_push_i16` or `parlor_audio_source_push_f32`, encoded
 * with 1 or 2 channels.
 *
 * - Ownership: the caller releases it with `parlor_audio_source_release`.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when `channels` is not 1 or 2, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_audio_source_create(uint32_t channels,
                                         struct parlor_audio_source **out_source);

/**
 * Makes a source that the app feeds with Opus packets by `parlor_audio_source_push_encoded`.
 *
 * - Ownership: the caller releases it with `parlor_audio_source_release`.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API parlor_status parlor_audio_source_create_encoded(struct parlor_audio_source **out_source);

/**
 * Makes a sine tone at -12 dBFS; `frequency` is in hertz, 20 to 20000.
 *
 * - Ownership: the caller releases it with `parlor_audio_source_release`.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when the frequency is out of range, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_audio_source_create_tone(float frequency,
                                              struct parlor_audio_source **out_source);

/**
 * Plays an Ogg Opus or WAV (48 kHz) file, over and over. `mode` is a `PARLOR_FILE_MODE_...` value.
 *
 * - Ownership: the caller releases it with `parlor_audio_source_release`. `path` is copied.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_MEDIA_FILE` when the file cannot be read or is something else,
 *   `PARLOR_STATUS_INVALID_ARGUMENT`, `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_audio_source_create_from_file(struct parlor_str path,
                                                   int32_t mode,
                                                   struct parlor_audio_source **out_source);

/**
 * Gives interleaved 16-bit sound to the encoder, 48 kHz, any length; returns at once.
 *
 * `sample_count` counts the samples of all channels together. `captured_us` is when the first one was captured, by
 * `parlor_time_us`; 0 means now.
 *
 * - Ownership: the samples are copied.
 * - Threads: any, also media callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_FRAME` when the sound is not 48 kHz, 1 or 2 channels, in whole samples;
 *   `PARLOR_STATUS_INVALID_STATE` when this source is fed otherwise; `PARLOR_STATUS_BUSY` when more than a second
 *   waits for the encoder; `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_audio_source_push_i16(struct parlor_audio_source *source,
                                           const int16_t *samples,
                                           size_t sample_count,
                                           uint32_t sample_rate,
                                           uint32_t channels,
                                           uint64_t captured_us);

/**
 * Gives interleaved sound of ±1.0 to the encoder; otherwise as `parlor_audio_source_push_i16`.
 *
 * - Ownership: the samples are copied.
 * - Threads: any, also media callbacks.
 * - Errors: as `parlor_audio_source_push_i16`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_audio_source_push_f32(struct parlor_audio_source *source,
                                           const float *samples,
                                           size_t sample_count,
                                           uint32_t sample_rate,
                                           uint32_t channels,
                                           uint64_t captured_us);

/**
 * Sends an Opus packet; returns at once.
 *
 * - Ownership: the bytes are copied.
 * - Threads: any, also media callbacks.
 * - Errors: `PARLOR_STATUS_INVALID_STATE` when this source is fed otherwise, `PARLOR_STATUS_INVALID_FRAME` when the
 *   packet is empty or not Opus, `PARLOR_STATUS_UNSUPPORTED_CODEC`, `PARLOR_STATUS_INVALID_ARGUMENT`,
 *   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_audio_source_push_encoded(struct parlor_audio_source *source,
                                               const struct parlor_encoded_frame *frame);

/**
 * Gives the source back; NULL does nothing. Streams that have it keep it.
 *
 * - Ownership: the handle must not be used again.
 * - Threads: any, also event callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API void parlor_audio_source_release(struct parlor_audio_source *source);

/**
 * Returns the name of a status, such as `invalid-argument`; `unknown` for a number that is none.
 *
 * - Ownership: the text is static.
 * - Threads: any, also media callbacks.
 * - Errors: none, never NULL.
 * - Since: 0.1.0
 */
PARLOR_API const char *parlor_status_name(int32_t status);

/**
 * Makes a stream without tracks.
 *
 * - Ownership: the caller releases it with `parlor_stream_release`.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API parlor_status parlor_stream_create(struct parlor_stream **out_stream);

/**
 * Gets the stream's id, unique in the process.
 *
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API parlor_status parlor_stream_id(const struct parlor_stream *stream, uint64_t *out_id);

/**
 * Adds a video track.
 *
 * - Ownership: the stream keeps a reference to the source; the caller's stays the caller's. `out_track_id` may be
 *   NULL.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`; `PARLOR_STATUS_INVALID_STATE` when the stream has 8 tracks.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_stream_add_video(struct parlor_stream *stream,
                                      const struct parlor_video_source *source,
                                      uint64_t *out_track_id);

/**
 * Adds an audio track.
 *
 * - Ownership: the stream keeps a reference to the source; the caller's stays the caller's. `out_track_id` may be
 *   NULL.
 * - Threads: any, also event callbacks.
 * - Errors: `PARLOR_STATUS_NULL_POINTER`; `PARLOR_STATUS_INVALID_STATE` when the stream has 8 tracks.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API
parlor_status parlor_stream_add_audio(struct parlor_stream *stream,
                                      const struct parlor_audio_source *source,
                                      uint64_t *out_track_id);

/**
 * Gives the stream back; NULL does nothing. Sessions that have it keep it.
 *
 * - Ownership: the handle must not be used again.
 * - Threads: any, also event callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * Pointers are NULL or as the rules at the top say.
 */
PARLOR_API void parlor_stream_release(struct parlor_stream *stream);

/**
 * Makes a [`parlor_str`] of a C string; NULL becomes the absent text.
 *
 * - Ownership: nothing is copied; the result lasts as long as `text`.
 * - Threads: any, also media callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 *
 * # Safety
 *
 * `text` is NULL or NUL-terminated.
 */
PARLOR_API struct parlor_str parlor_str_of(const char *text);

/**
 * Returns the `PARLOR_ABI_VERSION` that the library was built with.
 *
 * - Threads: any, also media callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 */
PARLOR_API uint32_t parlor_abi_version(void);

/**
 * Returns the library's version, such as `0.1.0`.
 *
 * - Ownership: the text is static.
 * - Threads: any, also media callbacks.
 * - Errors: none, never NULL.
 * - Since: 0.1.0
 */
PARLOR_API const char *parlor_version_string(void);

/**
 * Returns the time on the clock of every time stamp of this process, in microseconds.
 *
 * - Threads: any, also media callbacks.
 * - Errors: none.
 * - Since: 0.1.0
 */
PARLOR_API uint64_t parlor_time_us(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PARLOR_H */
