package org.parlor

import java.io.File
import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicReference
import kotlin.math.sqrt
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.parlor.engine.Event

/** The loudness of sound that somebody hears: far above what concealment and noise give. */
private const val AUDIBLE = 1_000.0

class CallTest {
    /** Somebody in a call who receives all that comes. */
    private class Somebody(channel: String, stream: MediaStream?, onTrack: (MediaTrack, Somebody) -> Unit) : AutoCloseable {
        val told = Told()
        val pictures = AtomicInteger()
        val loudSounds = AtomicInteger()
        val packets = AtomicInteger()
        lateinit var session: Session

        init {
            session = Session(config(), listener = { event ->
                told(event)
                if (event is Event.TrackAdded) session.remoteTrack(event.trackId).use { onTrack(it, this) }
            })
            stream?.let { session.addStream(it, """{"role":"camera"}""") }
            runBlocking { session.join(channel) }
        }

        fun look(frame: VideoFrame) = frame.use {
            check(it.withPlanes { planes -> planes.size } == 3)
            pictures.incrementAndGet()
        }

        fun hear(frame: AudioFrame) = frame.use {
            if (it.withSamples(::loudness) > AUDIBLE) loudSounds.incrementAndGet()
        }

        override fun close() = session.close()
    }

    private fun receiveDecoded(track: MediaTrack, by: Somebody) = when (track.kind()) {
        MediaKind.VIDEO -> track.onPicture(by::look)
        MediaKind.AUDIO -> track.onSound(by::hear)
    }

    private fun patternAndTone() = MediaStream().apply {
        addVideo(VideoSource.testPattern(320u, 180u, 30u))
        addAudio(AudioSource.tone(440f))
    }

    @Test
    fun `two sessions of one process see hear and message one another`() {
        val before = liveObjects().frames
        Somebody("call", patternAndTone(), ::receiveDecoded).use { ann ->
            Somebody("call", patternAndTone(), ::receiveDecoded).use { bob ->
                for (one in listOf(ann, bob)) {
                    assertEquals("""{"role":"camera"}""", one.told.await<Event.StreamAdded>().metadata)
                    eventuallyTrue("60 pictures") { one.pictures.get() >= 60 }
                    eventuallyTrue("half a second of sound") { one.loudSounds.get() >= 25 }
                }
                message(ann, bob)
                channel(ann, bob)
                bob.session.remotePeers.single().use { peer ->
                    assertEquals(PeerState.CONNECTED, peer.state())
                    assertTrue(peer.stats().bytesReceived > 0uL)
                }
            }
            ann.told.await<Event.PeerLeft>()
        }
        eventuallyTrue("no frame left") { liveObjects().frames <= before }
    }

    private fun message(ann: Somebody, bob: Somebody) = runBlocking {
        ann.session.send("""{"to":"all"}""")
        assertEquals("""{"to":"all"}""", bob.told.await<Event.Data> { it.kind == MessageKind.BROADCAST }.data)
        val peer = bob.told.await<Event.PeerJoined>().peerId
        bob.session.sendTo(peer, """{"to":"ann"}""")
        assertEquals("""{"to":"ann"}""", ann.told.await<Event.Data> { it.kind == MessageKind.DIRECT }.data)
    }

    private fun channel(ann: Somebody, bob: Somebody) {
        val peer = ann.told.await<Event.PeerJoined>().peerId
        val channel = ann.session.openChannel(peer, "chat", DataChannelOptions(ordered = false))
        ann.told.await<Event.ChannelOpen> { it.channelId == channel && !it.incoming }
        ann.session.sendText(channel, "hello")
        ann.session.sendBytes(channel, ByteBuffer.wrap(byteArrayOf(1, 2, 3)))
        val incoming = bob.told.await<Event.ChannelOpen> { it.incoming && it.label == "chat" }
        assertEquals("hello", bob.told.await<Event.ChannelText>().text)
        assertTrue(byteArrayOf(1, 2, 3).contentEquals(bob.told.await<Event.ChannelBytes>().bytes))
        eventuallyTrue("an empty channel") { ann.session.channelBufferedAmount(channel) == 0uL }
        bob.session.closeChannel(incoming.channelId)
        ann.told.await<Event.ChannelClose> { it.channelId == channel }
    }

    @Test
    fun `received media is compared recorded and stopped`() {
        val reference = Reference.testPattern(320u, 180u)
        val best = AtomicReference(0.0)
        val tracks = ConcurrentHashMap<MediaKind, MediaTrack>()
        val picture = File.createTempFile("parlor", ".png").apply { deleteOnExit() }
        val sound = File.createTempFile("parlor", ".wav").apply { deleteOnExit() }
        val receive = { track: MediaTrack, by: Somebody ->
            tracks[track.kind()] = by.session.remoteTrack(track.id())
            if (track.kind() == MediaKind.VIDEO) {
                track.onPicture { frame ->
                    frame.use {
                        best.accumulateAndGet(reference.psnr(it), ::maxOf)
                        if (by.pictures.incrementAndGet() == 1) it.writePng(picture.path)
                    }
                }
            } else {
                track.record(sound.path)
            }
        }
        Somebody("media", patternAndTone(), receive).use {
            Somebody("media", null, receive).use { bob ->
                eventuallyTrue("a picture like the one that was sent") { best.get() > 30.0 }
                eventuallyTrue("recorded sound") { sound.length() > 48_000 }
                val video = tracks.getValue(MediaKind.VIDEO)
                assertEquals(320u to 180u, video.stats().let { it.width to it.height })
                video.stopReceiving()
                val stopped = bob.pictures.get()
                eventuallyTrue("more sound") { sound.length() > 96_000 }
                assertEquals(stopped, bob.pictures.get())
            }
        }
        assertEquals("PNG", String(picture.readBytes(), 1, 3))
        VideoFrame.packed(PixelFormat.RGBA, 16, 16, directBytes(16 * 16 * 4)).use { rgba ->
            rgba.convert(PixelFormat.I420).use { i420 -> assertEquals(3, i420.withPlanes { it.size }) }
        }
    }

    @Test
    fun `a log sink hears what the engine does until it is taken away`() {
        val lines = AtomicInteger()
        setLogSink(LogLevel.DEBUG) { _, target, message ->
            check(target.isNotEmpty() && message.isNotEmpty())
            lines.incrementAndGet()
            error("thrown by the test's sink")
        }
        Somebody("logged", null, ::receiveDecoded).close()
        eventuallyTrue("lines of the log") { lines.get() > 0 }
        setLogSink(LogLevel.DEBUG, null)
    }

    @Test
    fun `encoded frames come out and go in again`() {
        // Ann's frames reach Bob encoded, who sends them on as they are; Ann decodes what comes back.
        val bobsVideo = AtomicBoolean()
        val passedOn = encodedVideoSource(Codec.VP8, onKeyframeRequest = { bobsVideo.set(true) })
        val passedOnSound = AudioSource.encoded()
        val bobs = MediaStream().apply {
            addVideo(passedOn)
            addAudio(passedOnSound)
        }
        val pass = { track: MediaTrack, by: Somebody ->
            val kind = track.kind()
            track.onEncoded { frame ->
                frame.use {
                    val bytes = it.withBytes { bytes -> ByteArray(bytes.remaining()).also(bytes::get) }
                    val info = it.info.copy(timestampUs = 0uL)
                    if (kind == MediaKind.VIDEO) passedOn.pushEncoded(info, bytes) else passedOnSound.pushEncoded(info, bytes)
                    by.packets.incrementAndGet()
                }
            }
        }
        val anns = MediaStream().apply {
            addVideo(VideoSource.fromFile(media("bunny.ivf"), FileMode.PASSTHROUGH))
            addAudio(AudioSource.tone(440f))
        }
        Somebody("encoded", anns, ::receiveDecoded).use { ann ->
            Somebody("encoded", bobs, pass).use { bob ->
                eventuallyTrue("60 encoded frames") { bob.packets.get() >= 60 }
                eventuallyTrue("pictures that went both ways") { ann.pictures.get() >= 10 }
                eventuallyTrue("sound that went both ways") { ann.loudSounds.get() >= 25 }
                assertTrue(bobsVideo.get(), "Ann's first picture needs a keyframe")
            }
        }
    }

    @Test
    fun `an app feeds pictures and sound and pulls what it plays`() {
        val (pictures, sound) = VideoSource() to AudioSource(1u)
        val fed = MediaStream().apply {
            addVideo(pictures)
            addAudio(sound)
        }
        val playout = AudioPlayout()
        val play = { track: MediaTrack, by: Somebody ->
            if (track.kind() == MediaKind.AUDIO) track.play(playout) else track.onPicture(by::look)
        }
        Somebody("fed", fed, ::receiveDecoded).use {
            Somebody("fed", null, play).use { bob ->
                val planes = listOf(PlaneView(directBytes(320 * 180), 320), PlaneView(directBytes(160 * 90), 160), PlaneView(directBytes(160 * 90), 160))
                val tenMs = directBytes(480 * 2).asShortBuffer()
                val pulled = directBytes(960 * 2).asShortBuffer()
                var turn = 0
                var heard = 0
                // Its own clock: ten milliseconds of sound a turn, a picture every three.
                eventuallyTrue("pictures and sound") {
                    repeat(2) {
                        for (at in 0 until 480) tenMs.put(at, if ((at / 24) % 2 == 0) 8_000 else -8_000)
                        sound.pushI16(tenMs, channels = 1)
                    }
                    planes[0].bytes.put(turn % planes[0].bytes.capacity(), turn.toByte())
                    if (turn % 2 == 0) {
                        pictures.pushPlanes(PixelFormat.I420, 320, 180, planes)
                    } else {
                        VideoFrame.copy(PixelFormat.I420, 320, 180, planes).use(pictures::push)
                    }
                    turn++
                    repeat(2) { if (playout.pull(pulled) > 0 && loudness(pulled) > AUDIBLE) heard++ }
                    bob.pictures.get() >= 60 && heard >= 25
                }
                assertTrue(pictures.frames() >= 60uL)
            }
        }
    }
}

/** The root mean square of samples. */
internal fun loudness(samples: java.nio.ShortBuffer): Double {
    var sum = 0.0
    for (at in 0 until samples.limit()) sum += samples.get(at).toDouble() * samples.get(at)
    return if (samples.limit() == 0) 0.0 else sqrt(sum / samples.limit())
}
