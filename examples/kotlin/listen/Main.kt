package listen

import kotlin.math.log10
import kotlin.math.sqrt
import kotlin.system.exitProcess
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.parlor.AudioFrame
import org.parlor.MediaKind
import org.parlor.ParlorException
import org.parlor.Session
import org.parlor.SessionConfig
import org.parlor.VideoFrame
import org.parlor.engine.Credential
import org.parlor.engine.Event
import org.parlor.onPicture
import org.parlor.onSound
import org.parlor.reason

/** Joins a channel without media of its own and prints what it hears and sees: `<url> <key> <channel> [--seconds N]`. */
fun main(arguments: Array<String>) {
    if (arguments.size < 3) {
        System.err.println("usage: listen <url> <key> <channel> [--seconds N]")
        exitProcess(2)
    }
    val (url, key, channel) = arguments
    try {
        Session(SessionConfig(url, Credential.ApiKey(key))).use { session ->
            runBlocking {
                val events = launch { session.events.collect { onEvent(session, it) } }
                session.join(channel)
                println("listening in $channel")
                waitForTheEnd(arguments)
                session.leave()
                events.cancel()
            }
        }
    } catch (error: ParlorException) {
        System.err.println("listen: ${error.reason}")
        exitProcess(1)
    }
}

private fun onEvent(session: Session, event: Event) {
    if (event !is Event.TrackAdded) return
    session.remoteTrack(event.trackId).use { track ->
        when (event.kind) {
            MediaKind.AUDIO -> {
                val hearer = Hearer(event.trackId)
                track.onSound(hearer::hear)
            }
            MediaKind.VIDEO -> {
                val viewer = Viewer(event.trackId)
                track.onPicture(viewer::look)
            }
        }
    }
}

/** Prints how loud a track is, once a second. */
private class Hearer(private val track: ULong) {
    private var frames = 0

    /** Called on the playout thread, every 20 ms. The frame is ours to release, which `use` does. */
    fun hear(frame: AudioFrame) = frame.use {
        if (frames++ % 50 == 0) println("track $track: %.0f dBFS".format(level(it)))
    }

    private fun level(frame: AudioFrame): Double = frame.withSamples { samples ->
        var sum = 0.0
        for (at in 0 until samples.limit()) sum += samples.get(at).toDouble() * samples.get(at)
        20 * log10(maxOf(sqrt(sum / samples.limit()), 1.0) / Short.MAX_VALUE)
    }
}

/** Prints what pictures come, once a second or so. */
private class Viewer(private val track: ULong) {
    private var pictures = 0

    /** Called on a media thread. */
    fun look(frame: VideoFrame) = frame.use {
        if (pictures++ % 30 == 0) {
            val brightness = it.withPlanes { planes -> planes.first().bytes.get(0).toUByte() }
            println("track $track: picture $pictures, ${it.width}x${it.height}, top left $brightness")
        }
    }
}

/** Returns after `--seconds N`, or at the end of the input. */
private suspend fun waitForTheEnd(arguments: Array<String>) {
    val seconds = arguments.indexOf("--seconds")
    if (seconds >= 0) return delay(arguments[seconds + 1].toLong() * 1000)
    while (withContext(Dispatchers.IO) { readlnOrNull() } != null) continue
}
