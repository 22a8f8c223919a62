package org.parlor.peer

import java.util.TreeMap
import java.util.concurrent.ConcurrentHashMap
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import org.parlor.MediaKind
import org.parlor.ParlorException
import org.parlor.Session
import org.parlor.Status
import org.parlor.engine.Event
import org.parlor.reason
import org.parlor.setAudioSink
import org.parlor.setVideoSink
import org.parlor.timeUs

/** Tells the session's events and receives what remote peers send. */
class Recorder(private val session: () -> Session) {
    /** Ids on the wire, also of peers that have left. */
    private val peers = ConcurrentHashMap<ULong, String>()
    private val streams = ConcurrentHashMap<ULong, String>()
    private val tracks = TreeMap<ULong, Pair<ULong, MediaKind>>()
    private val channels = ConcurrentHashMap<ULong, String>()
    private val received = ConcurrentHashMap<String, Received>()

    /** What was received from a peer so far. */
    fun received(peer: String): Received = received.getOrPut(peer) { Received() }

    /** The remote tracks and the ids of their peers on the wire. */
    fun tracks(): List<Pair<ULong, String>> =
        synchronized(tracks) { tracks.map { (track, about) -> track to peers.getValue(about.first) } }

    /** Notes the label of a channel that this side opens. */
    fun noteChannel(channel: ULong, label: String) {
        channels[channel] = label
    }

    fun onEvent(event: Event) {
        val about = linkedMapOf<String, JsonElement>(
            "name" to JsonPrimitive(name(event)),
            "at" to JsonPrimitive(timeUs().toDouble() / 1000),
        )
        note(event)
        about += details(event).filterValues { it !is JsonNull }
        say(buildJsonObject { put("event", JsonObject(about)) })
        if (event is Event.TrackAdded) receive(event)
        if (event is Event.TrackRemoved) synchronized(tracks) { tracks.remove(event.trackId) }
    }

    private fun receive(event: Event.TrackAdded) {
        val received = received(peers.getValue(event.peerId))
        try {
            session().remoteTrack(event.trackId).use {
                when (event.kind) {
                    MediaKind.VIDEO -> it.setVideoSink(received.pictures)
                    MediaKind.AUDIO -> it.setAudioSink(received.sound)
                }
            }
        } catch (error: ParlorException) {
            System.err.println("a remote track cannot be received: ${error.reason}")
        }
    }

    private fun note(event: Event) {
        when (event) {
            is Event.PeerJoined -> peers[event.peerId] = event.wireId
            is Event.StreamAdded -> streams[event.streamId] = event.wireId
            is Event.TrackAdded -> synchronized(tracks) { tracks[event.trackId] = event.peerId to event.kind }
            is Event.ChannelOpen -> channels[event.channelId] = event.label
            else -> {}
        }
    }

    /** An event's name as every language spells it, such as `peer-joined`. */
    private fun name(event: Event): String = when (event) {
        is Event.ChannelText, is Event.ChannelBytes -> "channel-message"
        else -> event.javaClass.simpleName.replace(Regex("(?<=.)([A-Z])"), "-$1").lowercase()
    }

    private fun details(event: Event): Map<String, JsonElement> = when (event) {
        is Event.Joined -> fields("peer" to event.wireId, "channel" to event.channel)
        is Event.Left -> fields("reason" to event.reason)
        is Event.StateChange -> fields("from" to word(event.from), "to" to word(event.to))
        is Event.PeerJoined -> about(event.peerId) + ("metadata" to parse(event.metadata))
        is Event.PeerLeft -> about(event.peerId)
        is Event.ConnectionReset -> about(event.peerId)
        is Event.PeerStateChange -> about(event.peerId) + fields("from" to word(event.from), "to" to word(event.to))
        is Event.StreamAdded ->
            about(event.peerId) + fields("stream" to event.wireId) + ("metadata" to parse(event.metadata))
        is Event.StreamRemoved -> about(event.peerId) + fields("stream" to streams[event.streamId])
        is Event.TrackAdded -> ofTrack(event.peerId, event.streamId, event.trackId)
        is Event.TrackRemoved -> ofTrack(event.peerId, event.streamId, event.trackId)
        is Event.Data -> about(event.peerId) + fields("kind" to word(event.kind)) +
            mapOf("data" to parse(event.data), "senderMetadata" to parse(event.metadata))
        is Event.ChannelOpen ->
            onChannel(event.peerId, event.channelId) + ("incoming" to JsonPrimitive(event.incoming))
        is Event.ChannelText -> onChannel(event.peerId, event.channelId) + fields("text" to event.text)
        is Event.ChannelBytes -> onChannel(event.peerId, event.channelId) +
            fields("bytes" to event.bytes.joinToString("") { "%02x".format(it) })
        is Event.ChannelWritable -> onChannel(event.peerId, event.channelId)
        is Event.ChannelClose -> onChannel(event.peerId, event.channelId)
        is Event.RequestDone -> mapOf("request" to json(event.requestId)) +
            if (event.status == Status.OK) mapOf() else fields("error" to code(event.status), "message" to event.reason)
        is Event.NegotiationError -> about(event.peerId) + fields("message" to event.reason)
        is Event.TokenNeeded -> mapOf("request" to json(event.requestId))
        is Event.GoingAway -> mapOf("retryAfterMs" to json(event.retryAfterMs))
        is Event.Error -> fields("error" to code(event.status), "message" to event.reason)
        is Event.DataLost -> mapOf()
    }

    private fun about(peer: ULong) = fields("peer" to peers[peer]) + ("object" to json(peer))

    private fun onChannel(peer: ULong, channel: ULong) =
        about(peer) + fields("label" to channels[channel]) + ("channel" to json(channel))

    private fun ofTrack(peer: ULong, stream: ULong, track: ULong): Map<String, JsonElement> {
        val kind = synchronized(tracks) { tracks[track]?.second }
        return about(peer) + fields("stream" to streams[stream], "kind" to kind?.let(::word)) + ("track" to json(track))
    }

    private fun word(state: Enum<*>) = state.name.lowercase()

    private fun fields(vararg texts: Pair<String, String?>): Map<String, JsonElement> =
        texts.associate { (name, text) -> name to JsonPrimitive(text) }

    private fun parse(json: String?): JsonElement = json?.let(Json::parseToJsonElement) ?: JsonNull
}
