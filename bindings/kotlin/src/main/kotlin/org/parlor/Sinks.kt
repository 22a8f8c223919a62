package org.parlor

import org.parlor.engine.AudioFrame as CoreAudioFrame
import org.parlor.engine.AudioSink as CoreAudioSink
import org.parlor.engine.EncodedFrame as CoreEncodedFrame
import org.parlor.engine.LogSink
import org.parlor.engine.VideoFrame as CoreVideoFrame
import org.parlor.engine.VideoSink as CoreVideoSink

/**
 * Receives one remote video track, on a media thread: one call at a time, and it must not block. A frame is its
 * receiver's, who releases it. What it throws is logged.
 */
public interface VideoSink {
    /** What the sink wants; asked once, when it is set. */
    public val wants: SinkWants get() = SinkWants.DECODED

    /** Called for each decoded picture. */
    public fun onFrame(frame: VideoFrame): Unit = frame.release()

    /** Called for each encoded frame, before it is decoded. */
    public fun onEncoded(frame: EncodedFrame): Unit = frame.release()
}

/**
 * Receives one remote audio track, on the playout thread, every 20 ms: it must not block. A frame is its receiver's, who
 * releases it. What it throws is logged.
 */
public interface AudioSink {
    /** What the sink wants; asked once, when it is set. */
    public val wants: SinkWants get() = SinkWants.DECODED

    /** Called for each 20 ms of sound, 48 kHz stereo, with losses concealed. */
    public fun onFrame(frame: AudioFrame): Unit = frame.release()

    /** Called for each Opus packet as it arrives. */
    public fun onEncoded(frame: EncodedFrame): Unit = frame.release()
}

/** Sets where a remote video track goes, until another takes its place; the engine holds the sink until then. */
public fun MediaTrack.setVideoSink(sink: VideoSink): Unit = setVideoSink(VideoBridge(sink))

/** Sets where a remote audio track goes, until another takes its place; the engine holds the sink until then. */
public fun MediaTrack.setAudioSink(sink: AudioSink): Unit = setAudioSink(AudioBridge(sink))

/** Receives a remote video track's pictures: `track.onPicture { frame -> frame.use { … } }`. */
public fun MediaTrack.onPicture(receive: (VideoFrame) -> Unit): Unit = setVideoSink(object : VideoSink {
    override fun onFrame(frame: VideoFrame) = receive(frame)
})

/** Receives a remote audio track's sound: `track.onSound { frame -> frame.use { … } }`. */
public fun MediaTrack.onSound(receive: (AudioFrame) -> Unit): Unit = setAudioSink(object : AudioSink {
    override fun onFrame(frame: AudioFrame) = receive(frame)
})

/** Receives a remote track's frames as they come; pictures are not decoded then. */
public fun MediaTrack.onEncoded(receive: (EncodedFrame) -> Unit): Unit = when (kind()) {
    MediaKind.VIDEO -> setVideoSink(object : VideoSink {
        override val wants get() = SinkWants.ENCODED

        override fun onEncoded(frame: EncodedFrame) = receive(frame)
    })
    MediaKind.AUDIO -> setAudioSink(object : AudioSink {
        override val wants get() = SinkWants.ENCODED

        override fun onEncoded(frame: EncodedFrame) = receive(frame)
    })
}

/** Stops receiving a remote track; a call under way on another thread has returned then. */
public fun MediaTrack.stopReceiving(): Unit = when (kind()) {
    MediaKind.VIDEO -> setVideoSink(null as CoreVideoSink?)
    MediaKind.AUDIO -> setAudioSink(null as CoreAudioSink?)
}

/**
 * Sets where the engine's log goes, for the whole process: lines of [level] and graver ones, with what they are about.
 * It is called on any thread and on several at once, and must not block. None makes the log silent again.
 */
public fun setLogSink(level: LogLevel, sink: ((level: LogLevel, target: String, message: String) -> Unit)?) {
    val bridge = sink?.let {
        object : LogSink {
            override fun onLine(level: LogLevel, target: String, message: String) = it(level, target, message)
        }
    }
    org.parlor.engine.setLogSink(level, bridge)
}

/** Returns how many objects of the engine are alive in this process: what was forgotten shows here. */
public fun liveObjects(): LiveObjects = org.parlor.engine.liveObjects()

/** Returns the time on the clock of every time stamp of this process, in microseconds. */
public fun timeUs(): ULong = org.parlor.engine.timeUs()

/** Returns the library's version, such as `0.1.0`. */
public fun version(): String = org.parlor.engine.version()

private class VideoBridge(private val sink: VideoSink) : CoreVideoSink {
    override fun wants() = sink.wants

    override fun onFrame(frame: CoreVideoFrame, layout: ULong) = sink.onFrame(VideoFrame(frame, layout))

    override fun onEncoded(frame: CoreEncodedFrame) = sink.onEncoded(EncodedFrame(frame))
}

private class AudioBridge(private val sink: AudioSink) : CoreAudioSink {
    override fun wants() = sink.wants

    override fun onFrame(frame: CoreAudioFrame) = sink.onFrame(AudioFrame(frame))

    override fun onEncoded(frame: CoreEncodedFrame) = sink.onEncoded(EncodedFrame(frame))
}
