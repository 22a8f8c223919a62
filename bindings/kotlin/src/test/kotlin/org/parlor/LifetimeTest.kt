package org.parlor

import java.io.File
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.parlor.engine.Credential
import org.parlor.engine.Event

class LifetimeTest {
    @Test
    fun `what a listener throws changes nothing`() = runBlocking {
        val calls = AtomicInteger()
        val session = Session(config(), listener = {
            calls.incrementAndGet()
            error("thrown by the test's listener")
        })
        session.use {
            it.join("thrown-at")
            it.leave()
        }
        assertTrue(calls.get() >= 4, "the listener was called ${calls.get()} times")
    }

    @Test
    fun `a closed session answers Closed to everything`() {
        val session = Session(config())
        session.close()
        session.close()
        assertFails(Status.CLOSED) { session.startJoin("room") }
        assertFails(Status.CLOSED) { session.startLeave() }
        assertFails(Status.CLOSED) { session.startSend("1") }
        assertFails(Status.CLOSED) { session.startSendTo(1uL, "1") }
        assertFails(Status.CLOSED) { session.sendText(1uL, "1") }
        assertFails(Status.CLOSED) { session.sendBytes(1uL, directBytes(1)) }
        assertFails(Status.CLOSED) { session.state }
        assertFails(Status.CLOSED) { session.remotePeers }
        assertFails(Status.CLOSED) { runBlocking { session.join("room") } }
    }

    @Test
    fun `an object that was closed says so`() {
        val stream = MediaStream()
        stream.close()
        assertThrows<IllegalStateException> { stream.id() }
        val source = VideoSource()
        source.close()
        assertThrows<IllegalStateException> { source.frames() }
    }

    @Test
    fun `closing the session ends a request under way and its flow`() = runBlocking {
        SilentServer().use { server ->
            val session = Session(config(url = server.url))
            val request = session.startJoin("room")
            session.close()
            assertFails(Status.CLOSED) { runBlocking { request.await() } }
            // Ends by itself: the session is closed.
            session.events.collect { }
        }
    }

    @Test
    fun `a session may be closed while it tells an event`() {
        val closed = CountDownLatch(1)
        lateinit var session: Session
        session = Session(config(), listener = {
            session.close()
            closed.countDown()
        })
        session.startJoin("closing")
        assertTrue(closed.await(30, TimeUnit.SECONDS))
        assertFails(Status.CLOSED) { session.state }
    }

    @Test
    fun `a session that is forgotten is collected and leaves`() {
        val before = liveObjects().sessions
        val watcher = Told()
        Session(config(), listener = watcher).use { other ->
            runBlocking { other.join("forgotten") }
            forget()
            val joined = watcher.await<Event.PeerJoined>()
            eventuallyTrue("a collected session") {
                System.gc()
                liveObjects().sessions <= before + 1uL
            }
            watcher.await<Event.PeerLeft> { it.peerId == joined.peerId }
        }
    }

    /** Joins with a session that nobody holds afterwards, although its listener has a hold of it. */
    private fun forget() {
        val held = ArrayList<Session>()
        val session = Session(config(), listener = { check(held.size <= 1) })
        held.add(session)
        runBlocking { session.join("forgotten") }
    }

    @Test
    fun `a thousand sessions leave nothing behind`() {
        repeat(50) { Session(config()).close() }
        System.gc()
        val (objects, memory) = liveObjects() to residentKilobytes()
        repeat(1_000) {
            val session = Session(config())
            session.addStream(MediaStream().apply { addAudio(AudioSource.tone(440f)) })
            session.close()
        }
        eventuallyTrue("as few objects as before") {
            System.gc()
            val now = liveObjects()
            now.sessions <= objects.sessions && now.streams <= objects.streams && now.sources <= objects.sources
        }
        val grown = residentKilobytes() - memory
        assertTrue(grown < 150_000, "1,000 sessions left $grown kB")
    }

    private fun residentKilobytes(): Long {
        val line = File("/proc/self/status").readLines().first { it.startsWith("VmRSS:") }
        return line.filter(Char::isDigit).toLong()
    }

    @Test
    fun `released frames answer Closed and their memory stays for who looks at it`() {
        val pixels = directBytes(16 * 16 * 4)
        pixels.put(5, 77)
        val before = liveObjects().frames
        val frame = VideoFrame.packed(PixelFormat.RGBA, 16, 16, pixels)
        frame.withPlanes { planes ->
            frame.release()
            assertEquals(before + 1uL, liveObjects().frames)
            assertEquals(77, planes.single().bytes.get(5))
        }
        assertEquals(before, liveObjects().frames)
        frame.close()
        assertFails(Status.CLOSED) { frame.width }
        assertFails(Status.CLOSED) { frame.withPlanes { } }
        assertFails(Status.CLOSED) { frame.convert(PixelFormat.I420) }
        assertFails(Status.CLOSED) { VideoSource().push(frame) }
    }

    @Test
    fun `the copy of the library is gone once it is loaded and there is one of it`() {
        assertTrue(version().isNotEmpty())
        val mapped = File("/proc/self/maps").readLines().filter { it.contains("libparlor_uniffi") }
        assertTrue(mapped.isNotEmpty() && mapped.all { it.endsWith("(deleted)") }, "$mapped")
        assertEquals(1, mapped.map { it.substringAfter('/') }.toSet().size)
    }

    @Test
    fun `an engine of the app's own ends with its last session`() {
        val before = liveObjects().engines
        val engine = Engine(EngineConfig(bindAddresses = listOf("127.0.0.1")))
        val credential = Credential.ApiKey(TestServer.key)
        val session = Session(SessionConfig(TestServer.url, credential, engine = engine))
        engine.close()
        assertEquals(before + 1uL, liveObjects().engines)
        session.close()
        eventuallyTrue("an engine's end") { liveObjects().engines <= before }
    }
}
