package org.parlor.peer

import java.nio.ByteBuffer
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonArray
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.intOrNull
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import org.parlor.AudioSource
import org.parlor.DataChannelOptions
import org.parlor.Engine
import org.parlor.EngineConfig
import org.parlor.MediaStream
import org.parlor.ParlorException
import org.parlor.Request
import org.parlor.Session
import org.parlor.SessionConfig
import org.parlor.Status
import org.parlor.VideoSource
import org.parlor.engine.Credential
import org.parlor.engine.ParlorException.Failed
import org.parlor.status

/** The session of this process, and what the tests do with it. */
class Peer : AutoCloseable {
    private var created: Session? = null
    private val session: Session get() = created ?: throw unknown("session yet")
    private val recorder = Recorder { session }
    private val streams = HashMap<String, MediaStream>()

    /** Carries out a command and returns what it answers. */
    fun answer(command: JsonObject): JsonElement = when (val call = command.text("call")) {
        "create" -> nothing { create(command) }
        "provide-token" -> nothing {
            session.provideToken(command.long("request").toULong(), command.textOrNull("token"))
        }
        "join" -> number(session.startJoin(command.text("channel")))
        "leave" -> number(session.startLeave())
        "close" -> nothing { session.close() }
        "add-stream" -> nothing { addStream(command) }
        "remove-stream" -> nothing {
            val name = command.text("stream")
            session.removeStream(streams[name] ?: throw unknown("such stream"))
            streams.remove(name)?.close()
        }
        "send" -> {
            val data = command.getValue("data").toString()
            val to = command.textOrNull("to")
            number(if (to == null) session.startSend(data) else session.startSendTo(peer(to), data))
        }
        "open-channel" -> openChannel(command)
        "send-on-channel" -> nothing { sendOnChannel(command) }
        "fill-channel" -> fill(command)
        "close-channel" -> nothing { session.closeChannel(command.long("channel").toULong()) }
        "state" -> state()
        "received" -> recorder.received(command.text("peer")).take()
        "peer-stats" -> peerStats(command.text("peer"))
        "track-stats" -> trackStats()
        else -> throw Failed(Status.INVALID_ARGUMENT, "there is no call `$call`")
    }

    override fun close() {
        created?.close()
    }

    private fun create(options: JsonObject) {
        val key = options.textOrNull("key")
        val token = options.textOrNull("token")
        val credential = when {
            key != null -> Credential.ApiKey(key)
            token != null -> Credential.Token(token)
            else -> Credential.TokenOnDemand
        }
        val addresses = options["addresses"]?.jsonArray.orEmpty().map { it.jsonPrimitive.content }
        Engine(EngineConfig(bindAddresses = addresses)).use { engine ->
            val sender = options.flag("include_sender_metadata") ?: false
            val config =
                SessionConfig(options.text("url"), credential, includeSenderMetadata = sender, engine = engine)
            created = Session(config, listener = recorder::onEvent)
        }
    }

    private fun addStream(command: JsonObject) {
        val stream = MediaStream()
        for (kind in command.getValue("tracks").jsonArray) {
            when (kind.jsonPrimitive.content) {
                "audio" -> AudioSource.tone(440f).use { stream.addAudio(it).close() }
                // A picture that a busy machine can carry several times.
                else -> VideoSource.testPattern(320u, 180u, 15u).use { stream.addVideo(it).close() }
            }
        }
        val metadata = command["metadata"]?.takeUnless { it is JsonNull }
        session.addStream(stream, metadata?.toString())
        streams[command.text("stream")] = stream
    }

    private fun openChannel(command: JsonObject): JsonElement {
        val retransmits = command["max_retransmits"]?.jsonPrimitive?.intOrNull?.toUShort()
        val options = DataChannelOptions(command.flag("ordered") ?: true, retransmits)
        val label = command.text("label")
        val channel = session.openChannel(peer(command.text("to")), label, options)
        recorder.noteChannel(channel, label)
        return json(channel)
    }

    private fun sendOnChannel(command: JsonObject) {
        val channel = command.long("channel").toULong()
        val text = command.textOrNull("text")
        val bytes = command.textOrNull("bytes")
        when {
            text != null && bytes == null -> session.sendText(channel, text)
            text == null && bytes != null -> {
                val parsed = bytes.chunked(2).map { it.toInt(16).toByte() }.toByteArray()
                session.sendBytes(channel, ByteBuffer.wrap(parsed))
            }
            else -> throw Failed(Status.INVALID_ARGUMENT, "neither a text nor bytes")
        }
    }

    private fun fill(command: JsonObject): JsonElement {
        val text = "x".repeat(command.int("bytes"))
        val messages = command.int("messages")
        for (taken in 0 until messages) {
            try {
                session.sendText(command.long("channel").toULong(), text)
            } catch (error: ParlorException) {
                if (error.status == Status.BUSY) return JsonPrimitive(taken)
                throw error
            }
        }
        return JsonPrimitive(messages)
    }

    private fun state() = buildJsonObject {
        put("state", session.state.name.lowercase())
        put("id", session.peerId)
        put(
            "remotes",
            buildJsonArray {
                for (peer in session.remotePeers) {
                    peer.use {
                        add(
                            buildJsonObject {
                                put("id", it.wireId())
                                put("state", it.state().name.lowercase())
                                put("object", json(it.id()))
                            },
                        )
                    }
                }
            },
        )
    }

    private fun peerStats(id: String) = session.remotePeer(peer(id)).use { it.stats() }.let { stats ->
        buildJsonObject {
            put("roundTripMs", stats.roundTripUs?.let { it.toDouble() / 1000 })
            put("bytesSent", json(stats.bytesSent))
            put("bytesReceived", json(stats.bytesReceived))
            put("packetsReceived", json(stats.packetsReceived))
            put("packetsLost", json(stats.packetsLost))
        }
    }

    private fun trackStats() = JsonArray(
        recorder.tracks().map { (track, peer) ->
            val stats = session.remoteTrack(track).use { it.stats() }
            buildJsonObject {
                put("peer", peer)
                put("track", json(track))
                put("kind", stats.kind?.name?.lowercase())
                put("codec", stats.codec?.name?.lowercase())
                put("framesDecoded", json(stats.framesDecoded))
                put("freezes", json(stats.freezes))
                put("packetsReceived", json(stats.packetsReceived))
                put("packetsLost", json(stats.packetsLost))
                put("levelDbfs", stats.levelDbfs)
            }
        },
    )

    /** Finds a peer that is in the channel by its id on the wire. */
    private fun peer(id: String): ULong =
        session.remotePeers.firstOrNull { it.wireId() == id }?.id() ?: throw unknown("such peer")

    private fun number(request: Request): JsonElement = request.use { json(it.id()) }

    private fun nothing(act: () -> Unit): JsonElement {
        act()
        return JsonNull
    }

    private fun unknown(what: String) = Failed(Status.UNKNOWN_ID, "there is no $what")
}
