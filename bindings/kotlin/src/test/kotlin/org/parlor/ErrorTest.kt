package org.parlor

import java.io.File
import kotlinx.coroutines.runBlocking
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.parlor.engine.Credential

class ErrorTest {
    @Test
    fun `statuses have the names and numbers of the C header`() {
        val line = Regex("""^ *PARLOR_STATUS_([A-Z0-9_]+) = (-?\d+),$""")
        val header = File(checkNotNull(System.getProperty("parlor.header"))).readLines()
        val inC = header.mapNotNull(line::find).associate { it.groupValues[1] to it.groupValues[2].toInt() }
        assertEquals(inC, Status.entries.associate { it.name to it.value })
    }

    @Test
    fun `what is not well-formed is refused with a reason`() {
        val key = Credential.ApiKey(TestServer.key)
        assertFails(Status.INVALID_ARGUMENT) { Session(config(url = "http://example.org")) }
        assertFails(Status.INVALID_ARGUMENT) { Session(SessionConfig("no url", key)) }
        assertFails(Status.INVALID_ARGUMENT) { Engine(EngineConfig(bindAddresses = listOf("no address"))) }
        val bad = assertThrows<ParlorException> { AudioSource.tone(5f) }
        assertEquals(Status.INVALID_ARGUMENT, bad.status)
        assertTrue(bad.reason.isNotEmpty() && bad.message.orEmpty().contains(bad.reason))
        Session(config()).use { session ->
            assertFails(Status.INVALID_ARGUMENT) { session.startJoin("") }
            assertFails(Status.INVALID_ARGUMENT) { session.startSend("no JSON") }
            assertFails(Status.UNKNOWN_ID) { session.startSendTo(99uL, "1") }
            assertFails(Status.UNKNOWN_ID) { session.remoteTrack(99uL) }
            assertFails(Status.UNKNOWN_ID) { session.sendText(99uL, "text") }
            assertFails(Status.UNKNOWN_ID) { session.sendBytes(99uL, ByteBuffer.wrap(byteArrayOf(1))) }
            assertFails(Status.UNKNOWN_ID) { session.remotePeer(99uL).state() }
            assertFails(Status.INVALID_ARGUMENT) { session.addStream(MediaStream()) }
            MediaStream().use { stream ->
                val track = stream.addAudio(AudioSource.tone(440f))
                assertFails(Status.INVALID_ARGUMENT) { session.addStream(stream, "no JSON") }
                assertFails(Status.INVALID_STATE) { track.onSound { it.release() } }
            }
        }
    }

    @Test
    fun `a key that the server does not know fails the join`() {
        Session(config(Credential.ApiKey("pk_live_nobody"))).use { session ->
            assertFails(Status.INVALID_CREDENTIAL) { runBlocking { session.join("room") } }
        }
    }

    @Test
    fun `buffers that do not fit are refused`() {
        val source = AudioSource(1u)
        assertFails(Status.INVALID_ARGUMENT) { source.pushI16(ByteBuffer.allocate(960).asShortBuffer(), 1) }
        val swapped = if (ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN) ByteOrder.BIG_ENDIAN else ByteOrder.LITTLE_ENDIAN
        val wrongOrder = ByteBuffer.allocateDirect(960).order(swapped)
        assertFails(Status.INVALID_ARGUMENT) { source.pushI16(wrongOrder.asShortBuffer(), 1) }
        assertFails(Status.INVALID_FRAME) { source.pushI16(directBytes(960).asShortBuffer(), 1, sampleRate = 44_100) }
        assertFails(Status.INVALID_ARGUMENT) { AudioPlayout().pull(directBytes(960).asShortBuffer().asReadOnlyBuffer()) }
        assertFails(Status.INVALID_FRAME) { VideoFrame.packed(PixelFormat.I420, 16, 16, directBytes(10)) }
        assertFails(Status.INVALID_FRAME) { VideoFrame.packed(PixelFormat.I420, 0, 16, directBytes(10)) }
        assertFails(Status.INVALID_FRAME) {
            VideoFrame.copy(PixelFormat.RGBA, 16, 16, listOf(PlaneView(directBytes(10), 64)))
        }
        for (count in listOf(2, 4)) {
            val planes = List(count) { PlaneView(directBytes(16), 8) }
            assertFails(Status.INVALID_FRAME) { VideoFrame.copy(PixelFormat.RGBA, 2, 2, planes) }
        }
        assertFails(Status.MEDIA_FILE) { VideoSource.fromFile("/nowhere.ivf", FileMode.DECODE) }
    }

    @Test
    fun `buffers are read from position to limit`() {
        val pixels = ByteBuffer.allocate(8 + 2 * 2 * 4)
        pixels.put(8, 42)
        pixels.position(8)
        VideoFrame.packed(PixelFormat.RGBA, 2, 2, pixels).use { frame ->
            assertEquals(42, frame.withPlanes { it.single().bytes.get(0) })
        }
        val plane = directBytes(8 + 2 * 2 * 4)
        plane.put(8, 43)
        plane.position(8)
        VideoFrame.copy(PixelFormat.RGBA, 2, 2, listOf(PlaneView(plane, 8)), 5uL).use { frame ->
            assertEquals(43, frame.withPlanes { it.single().bytes.get(0) })
            assertEquals(5uL, frame.timestampUs)
            assertEquals(Triple(PixelFormat.RGBA, 2, 2), Triple(frame.format, frame.width, frame.height))
        }
    }
}
