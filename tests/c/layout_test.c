/* The layout of every public struct on 64-bit systems. A failure here means a new ABI version. */
#include "check.h"

#include <stddef.h>

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)

_Static_assert(sizeof(void *) == 8, "the numbers below are for 64-bit systems");
_Static_assert(sizeof(parlor_status) == 4, "parlor_status");

SIZE(parlor_str, 16);
AT(parlor_str, data, 0);
AT(parlor_str, len, 8);

SIZE(parlor_plane, 24);
AT(parlor_plane, data, 0);
AT(parlor_plane, size, 8);
AT(parlor_plane, stride, 16);

SIZE(parlor_engine_config, 32);
AT(parlor_engine_config, struct_size, 0);
AT(parlor_engine_config, bind_addresses, 8);
AT(parlor_engine_config, bind_address_count, 16);
AT(parlor_engine_config, include_loopback, 24);
AT(parlor_engine_config, reserved, 28);

SIZE(parlor_ice_server, 56);
AT(parlor_ice_server, struct_size, 0);
AT(parlor_ice_server, urls, 8);
AT(parlor_ice_server, url_count, 16);
AT(parlor_ice_server, username, 24);
AT(parlor_ice_server, credential, 40);

SIZE(parlor_session_config, 104);
AT(parlor_session_config, struct_size, 0);
AT(parlor_session_config, url, 8);
AT(parlor_session_config, credential_kind, 24);
AT(parlor_session_config, include_sender_metadata, 28);
AT(parlor_session_config, credential, 32);
AT(parlor_session_config, ice_servers, 48);
AT(parlor_session_config, ice_server_count, 56);
AT(parlor_session_config, video_codecs, 64);
AT(parlor_session_config, video_codec_count, 72);
AT(parlor_session_config, extra_roots_pem, 80);
AT(parlor_session_config, engine, 96);

SIZE(parlor_listener, 32);
AT(parlor_listener, struct_size, 0);
AT(parlor_listener, on_event, 8);
AT(parlor_listener, userdata, 16);
AT(parlor_listener, destroy, 24);

SIZE(parlor_event, 184);
AT(parlor_event, struct_size, 0);
AT(parlor_event, type, 8);
AT(parlor_event, status, 12);
AT(parlor_event, request_id, 16);
AT(parlor_event, peer_id, 24);
AT(parlor_event, stream_id, 32);
AT(parlor_event, track_id, 40);
AT(parlor_event, from_state, 48);
AT(parlor_event, to_state, 52);
AT(parlor_event, media_kind, 56);
AT(parlor_event, message_kind, 60);
AT(parlor_event, retry_after_ms, 64);
AT(parlor_event, wire_id, 72);
AT(parlor_event, channel, 88);
AT(parlor_event, text, 104);
AT(parlor_event, data, 120);
AT(parlor_event, metadata, 136);
AT(parlor_event, channel_id, 152);
AT(parlor_event, label, 160);
AT(parlor_event, incoming, 176);
AT(parlor_event, binary, 180);

SIZE(parlor_channel_options, 24);
AT(parlor_channel_options, struct_size, 0);
AT(parlor_channel_options, unordered, 8);
AT(parlor_channel_options, has_max_retransmits, 12);
AT(parlor_channel_options, max_retransmits, 16);
AT(parlor_channel_options, max_lifetime_ms, 20);

SIZE(parlor_video_planes, 120);
AT(parlor_video_planes, struct_size, 0);
AT(parlor_video_planes, format, 8);
AT(parlor_video_planes, plane_count, 12);
AT(parlor_video_planes, width, 16);
AT(parlor_video_planes, height, 20);
AT(parlor_video_planes, planes, 24);
AT(parlor_video_planes, timestamp_us, 96);
AT(parlor_video_planes, userdata, 104);
AT(parlor_video_planes, release, 112);

SIZE(parlor_audio_frame, 40);
AT(parlor_audio_frame, struct_size, 0);
AT(parlor_audio_frame, samples, 8);
AT(parlor_audio_frame, sample_count, 16);
AT(parlor_audio_frame, sample_rate, 24);
AT(parlor_audio_frame, channels, 28);
AT(parlor_audio_frame, timestamp_us, 32);

SIZE(parlor_encoded_frame, 48);
AT(parlor_encoded_frame, struct_size, 0);
AT(parlor_encoded_frame, codec, 8);
AT(parlor_encoded_frame, keyframe, 12);
AT(parlor_encoded_frame, data, 16);
AT(parlor_encoded_frame, size, 24);
AT(parlor_encoded_frame, timestamp_us, 32);
AT(parlor_encoded_frame, duration_us, 40);

SIZE(parlor_encoded_observer, 40);
AT(parlor_encoded_observer, struct_size, 0);
AT(parlor_encoded_observer, on_keyframe_request, 8);
AT(parlor_encoded_observer, on_target_bitrate, 16);
AT(parlor_encoded_observer, userdata, 24);
AT(parlor_encoded_observer, destroy, 32);

SIZE(parlor_video_sink, 40);
AT(parlor_video_sink, struct_size, 0);
AT(parlor_video_sink, on_frame, 8);
AT(parlor_video_sink, on_encoded, 16);
AT(parlor_video_sink, userdata, 24);
AT(parlor_video_sink, destroy, 32);

SIZE(parlor_audio_sink, 40);
AT(parlor_audio_sink, struct_size, 0);
AT(parlor_audio_sink, on_frame, 8);
AT(parlor_audio_sink, on_encoded, 16);
AT(parlor_audio_sink, userdata, 24);
AT(parlor_audio_sink, destroy, 32);

SIZE(parlor_live_objects, 48);
AT(parlor_live_objects, struct_size, 0);
AT(parlor_live_objects, engines, 8);
AT(parlor_live_objects, sessions, 16);
AT(parlor_live_objects, streams, 24);
AT(parlor_live_objects, sources, 32);
AT(parlor_live_objects, frames, 40);

SIZE(parlor_peer_stats, 64);
AT(parlor_peer_stats, struct_size, 0);
AT(parlor_peer_stats, round_trip_us, 8);
AT(parlor_peer_stats, bytes_sent, 16);
AT(parlor_peer_stats, bytes_received, 24);
AT(parlor_peer_stats, send_bps, 32);
AT(parlor_peer_stats, receive_bps, 40);
AT(parlor_peer_stats, packets_lost, 48);
AT(parlor_peer_stats, packets_received, 56);

SIZE(parlor_track_stats, 96);
AT(parlor_track_stats, struct_size, 0);
AT(parlor_track_stats, codec, 8);
AT(parlor_track_stats, media_kind, 12);
AT(parlor_track_stats, width, 16);
AT(parlor_track_stats, height, 20);
AT(parlor_track_stats, frames_decoded, 24);
AT(parlor_track_stats, frames_dropped, 32);
AT(parlor_track_stats, freezes, 40);
AT(parlor_track_stats, keyframe_requests, 48);
AT(parlor_track_stats, audio_played_us, 56);
AT(parlor_track_stats, audio_concealed_us, 64);
AT(parlor_track_stats, packets_received, 72);
AT(parlor_track_stats, packets_lost, 80);
AT(parlor_track_stats, level_dbfs, 88);
AT(parlor_track_stats, reserved, 92);

SIZE(parlor_log_sink, 40);
AT(parlor_log_sink, struct_size, 0);
AT(parlor_log_sink, level, 8);
AT(parlor_log_sink, reserved, 12);
AT(parlor_log_sink, on_line, 16);
AT(parlor_log_sink, userdata, 24);
AT(parlor_log_sink, destroy, 32);

int main(void) {
    CHECK(parlor_abi_version() == PARLOR_ABI_VERSION);
    return 0;
}
