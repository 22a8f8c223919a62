package room

import org.parlor.MediaStream
import org.parlor.Session
import org.parlor.SessionConfig
import org.parlor.engine.AudioSource
import org.parlor.engine.Credential
import org.parlor.engine.Event
import org.parlor.engine.VideoSource

/** A camera and a microphone in a channel, and who else is there. */
class Room(url: String, key: String) : AutoCloseable {
    private val session = Session(SessionConfig(url, Credential.ApiKey(key)), listener = ::onEvent)
    private val camera = MediaStream()

    /** What the others call themselves on the wire, by the number that events carry. */
    private val names = HashMap<ULong, String>()

    init {
        // A test pattern and a tone stand for the devices. The others get the metadata with the stream.
        VideoSource.testPattern(640u, 360u, 30u).use { camera.addVideo(it) }
        AudioSource.tone(440f).use { camera.addAudio(it) }
        session.addStream(camera, """{"role":"camera"}""")
    }

    suspend fun join(channel: String) = session.join(channel)

    suspend fun leave() = session.leave()

    /** Gives everything back; a session that has not left leaves now. */
    override fun close() {
        session.close()
        camera.close()
    }

    /** Called on the session's own thread, one event at a time. */
    private fun onEvent(event: Event) {
        when (event) {
            is Event.Joined -> println("joined ${event.channel} as ${event.wireId}")
            is Event.Left -> println("left" + event.reason?.let { ": $it" }.orEmpty())
            is Event.PeerJoined -> onPeerJoined(event)
            is Event.PeerStateChange -> println("${names[event.peerId]} is ${event.to.name.lowercase()}")
            is Event.StreamAdded -> println("${names[event.peerId]} sends ${event.metadata}")
            is Event.StreamRemoved -> println("${names[event.peerId]} sends a stream no more")
            is Event.PeerLeft -> println("${names.remove(event.peerId)} left")
            is Event.Error -> println("error: ${event.reason}")
            else -> {}
        }
    }

    private fun onPeerJoined(event: Event.PeerJoined) {
        names[event.peerId] = event.wireId
        println("${event.wireId} joined")
    }
}
