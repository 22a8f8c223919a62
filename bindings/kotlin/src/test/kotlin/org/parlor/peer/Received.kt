package org.parlor.peer

import java.nio.ShortBuffer
import kotlin.math.pow
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import org.parlor.AudioFrame
import org.parlor.AudioSink
import org.parlor.EncodedFrame
import org.parlor.SinkWants
import org.parlor.VideoFrame
import org.parlor.VideoSink
import org.parlor.timeUs

/** Sound above this level is loud. */
private const val LOUD_DBFS = -40.0

/** Counts what is received of all tracks that a remote peer has sent so far. */
class Received {
    private var pictureCount = 0L
    private var soundPackets = 0L
    private var loud = 0L

    /** When the first and the last picture came, in microseconds. */
    private var firstPicture: ULong? = null
    private var lastPicture: ULong? = null

    /** The longest time between two pictures since this was last asked for, in microseconds. */
    private var longestPause = 0uL

    val pictures: VideoSink = object : VideoSink {
        override fun onFrame(frame: VideoFrame) {
            frame.release()
            countPicture()
        }
    }

    val sound: AudioSink = object : AudioSink {
        override val wants get() = SinkWants.BOTH

        override fun onFrame(frame: AudioFrame) {
            val isLoud = frame.use { it.withSamples(::isLoud) }
            if (isLoud) countLoud()
        }

        override fun onEncoded(frame: EncodedFrame) {
            frame.release()
            countPacket()
        }
    }

    /** Returns the counts; the longest pause starts anew. */
    @Synchronized
    fun take(): JsonObject = buildJsonObject {
        put("video", pictureCount)
        put("audio", soundPackets)
        put("longestPauseMs", (longestPause / 1000uL).toLong())
        put("firstPictureAt", firstPicture?.let { it.toDouble() / 1000 })
        put("loud", loud)
        longestPause = 0uL
    }

    @Synchronized
    private fun countPicture() {
        val now = timeUs()
        if (firstPicture == null) firstPicture = now
        lastPicture?.let { longestPause = maxOf(longestPause, now - it) }
        lastPicture = now
        pictureCount++
    }

    @Synchronized
    private fun countLoud() {
        loud++
    }

    @Synchronized
    private fun countPacket() {
        soundPackets++
    }

    private fun isLoud(samples: ShortBuffer): Boolean {
        var energy = 0.0
        for (at in 0 until samples.limit()) energy += (samples.get(at) / 32_768.0).pow(2)
        return energy / samples.limit() > 10.0.pow(LOUD_DBFS / 10)
    }
}
