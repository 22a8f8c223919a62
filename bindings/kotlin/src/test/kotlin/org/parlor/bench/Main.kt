/*
 * What an event and a 720p picture cost in Kotlin: the program that `parlor bench ffi` starts with a URL, a key and how
 * many seconds it receives pictures.
 *
 * Events and received pictures are timed by the library itself, from its own event or picture to the callback's return;
 * for that it is built with the cargo feature `test-hooks`.
 */
package org.parlor.bench

import com.sun.jna.Memory
import com.sun.jna.NativeLibrary
import java.nio.ByteBuffer
import java.util.Locale
import java.util.concurrent.CountDownLatch
import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking
import org.parlor.Engine
import org.parlor.EngineConfig
import org.parlor.MediaStream
import org.parlor.ParlorException
import org.parlor.PixelFormat
import org.parlor.PlaneView
import org.parlor.Session
import org.parlor.SessionConfig
import org.parlor.Status
import org.parlor.VideoFrame
import org.parlor.VideoSource
import org.parlor.engine.Credential
import org.parlor.engine.Event
import org.parlor.onPicture
import org.parlor.pushPlanes
import org.parlor.status

private const val WIDTH = 1280
private const val HEIGHT = 720
private const val RATE = 60u
private const val EVENTS = 20_000
private const val PUSHES = 1_000

/** Rounds of events and pushes, of which the last counts: before it the virtual machine compiles what is measured. */
private const val ROUNDS = 3

/** Received pictures before the first that counts. */
private const val WARM_UP = 500

/** How many durations the library keeps. */
private const val KEPT = 100_000
private const val PAGE = 4096

private const val TOLD_EVENT = 0
private const val TOLD_FRAME = 1

fun main(arguments: Array<String>) {
    val (url, key, seconds) = arguments
    val engine = Engine(EngineConfig(bindAddresses = listOf("127.0.0.1")))
    val config = SessionConfig(url, Credential.ApiKey(key), engine = engine)
    measureEvents(config)
    measureFramesIn()
    measureFramesOut(config, seconds.toLong())
    // Threads of coroutines and of the engine do not hold up the end.
    exitProcess(0)
}

/** Requests that fail at once, since the session is in no channel: each is one event. */
private fun measureEvents(config: SessionConfig) {
    repeat(ROUNDS) {
        val done = CountDownLatch(EVENTS)
        Session(config, listener = { if (it is Event.RequestDone) done.countDown() }).use { session ->
            durations(TOLD_EVENT)
            var asked = 0
            while (asked < EVENTS) {
                try {
                    session.startSend("{}").close()
                    asked++
                } catch (error: ParlorException) {
                    if (error.status != Status.BUSY) throw error
                }
            }
            done.await()
        }
    }
    printRow("event", durations(TOLD_EVENT))
}

private fun measureFramesIn() = VideoSource().use { source ->
    fun plane(width: Int, height: Int) = PlaneView(ByteBuffer.allocateDirect(width * height), width)
    val chroma = List(2) { plane(WIDTH / 2, HEIGHT / 2) }
    val planes = listOf(plane(WIDTH, HEIGHT)) + chroma
    fun push(): Long {
        val began = System.nanoTime()
        source.pushPlanes(PixelFormat.I420, WIDTH, HEIGHT, planes)
        return System.nanoTime() - began
    }
    repeat((ROUNDS - 1) * PUSHES) { push() }
    printRow("frame_in", LongArray(PUSHES) { push() })
}

private fun measureFramesOut(config: SessionConfig, seconds: Long) {
    var sum = 0
    val warmUp = CountDownLatch(WARM_UP)
    // One byte of each page, as a program does that hands the picture on.
    val look = { frame: VideoFrame ->
        frame.use {
            it.withPlanes { planes ->
                for (plane in planes) for (at in 0 until plane.bytes.limit() step PAGE) sum += plane.bytes.get(at)
            }
        }
        warmUp.countDown()
    }
    lateinit var receiving: Session
    receiving = Session(config, listener = { event ->
        if (event is Event.TrackAdded) receiving.remoteTrack(event.trackId).use { it.onPicture(look) }
    })
    Session(config).use { sending ->
        val stream = MediaStream()
        stream.addVideo(VideoSource.testPattern(WIDTH.toUInt(), HEIGHT.toUInt(), RATE))
        sending.addStream(stream)
        runBlocking {
            sending.join("bench")
            receiving.join("bench")
        }
        warmUp.await()
        durations(TOLD_FRAME)
        Thread.sleep(seconds * 1000)
        receiving.close()
    }
    printRow("frame_out", durations(TOLD_FRAME))
}

/** Takes the durations that the library kept, in nanoseconds. */
private fun durations(told: Int): LongArray {
    val library = NativeLibrary.getInstance(System.getProperty("org.parlor.library"))
    val kept = Memory(KEPT * Long.SIZE_BYTES.toLong())
    val count = library.getFunction("parlor_test_durations").invokeLong(arrayOf(told, kept, KEPT.toLong()))
    return kept.getLongArray(0, count.toInt())
}

private fun printRow(what: String, nanoseconds: LongArray) {
    check(nanoseconds.isNotEmpty()) { "nothing was measured of $what" }
    nanoseconds.sort()
    val (p50, p99) = listOf(50, 99).map { nanoseconds[nanoseconds.size * it / 100] / 1000.0 }
    val row = """{"what":"%s","p50_us":%.4f,"p99_us":%.4f,"runs":%d}"""
    println(row.format(Locale.ROOT, what, p50, p99, nanoseconds.size))
}
