package org.parlor

import com.sun.jna.Pointer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.ShortBuffer
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicInteger
import org.parlor.engine.Disposable
import org.parlor.engine.EncodedFrame as CoreEncodedFrame
import org.parlor.engine.AudioFrame as CoreAudioFrame
import org.parlor.engine.VideoFrame as CoreVideoFrame

/**
 * Media in the engine's memory, never changed. It is its receiver's, who releases it as soon as it is done with: the
 * garbage collector sees a few bytes where megabytes hang. `frame.use { … }` does that.
 *
 * After [release] every call answers `CLOSED`. Memory that is being looked at, in `withPlanes` and its like, stays until
 * that has ended.
 */
public sealed class Frame(private val kind: String, private val memory: Disposable) : AutoCloseable {
    /** The receiver, and each look at the memory. */
    private val holders = AtomicInteger(1)
    private val released = AtomicBoolean()

    /** Gives the memory back. Twice does nothing. */
    public fun release() {
        if (released.compareAndSet(false, true)) letGo()
    }

    /** The same as [release]. */
    override fun close(): Unit = release()

    /** Runs [block] while the memory stays. */
    internal fun <R> hold(block: () -> R): R {
        do {
            val count = holders.get()
            if (released.get() || count == 0) throw closed(kind)
        } while (!holders.compareAndSet(count, count + 1))
        try {
            return block()
        } finally {
            letGo()
        }
    }

    private fun letGo() {
        if (holders.decrementAndGet() == 0) memory.destroy()
    }
}

/** One plane of a picture: [bytes] is a direct buffer, [stride] counts bytes from one row's start to the next one's. */
public class PlaneView(public val bytes: ByteBuffer, public val stride: Int)

/** A picture. */
public class VideoFrame internal constructor(internal val core: CoreVideoFrame, layout: ULong) : Frame("picture", core) {
    private val layout = PictureLayout.at(layout)

    /** How the pixels lie in memory. */
    public val format: PixelFormat get() = hold { layout.format }

    /** Width in pixels. */
    public val width: Int get() = hold { layout.width }

    /** Height in pixels. */
    public val height: Int get() = hold { layout.height }

    /** When it was captured or is due, by [timeUs]. */
    public val timestampUs: ULong get() = hold { layout.timestampUs }

    internal constructor(core: CoreVideoFrame) : this(core, core.layout())

    /** Looks at the pixels where they lie: read-only direct buffers, to be forgotten when [look] returns. */
    public fun <R> withPlanes(look: (List<PlaneView>) -> R): R = hold { look(layout.planes()) }

    /** Returns the picture in another pixel format; in the same one the pixels are shared. */
    public fun convert(format: PixelFormat): VideoFrame = hold { VideoFrame(core.convert(format)) }

    /** Writes the picture to a PNG file, replacing one that is there; not for a media thread. */
    public fun writePng(path: String): Unit = hold { core.writePng(path) }

    public companion object {
        /**
         * Copies a picture from direct buffers, each from its position to its limit.
         *
         * @throws ParlorException `INVALID_FRAME` when size, format or planes do not fit.
         */
        public fun copy(
            format: PixelFormat,
            width: Int,
            height: Int,
            planes: List<PlaneView>,
            timestampUs: ULong = 0uL,
        ): VideoFrame =
            PictureLayout.of(format, width, height, planes, timestampUs) { VideoFrame(CoreVideoFrame.copy(it)) }

        /**
         * Copies a picture from a buffer that holds all planes one after the other without padding.
         *
         * @throws ParlorException `INVALID_FRAME` when the size is out of range or the bytes too few.
         */
        public fun packed(
            format: PixelFormat,
            width: Int,
            height: Int,
            pixels: ByteBuffer,
            timestampUs: ULong = 0uL,
        ): VideoFrame = withDirect(pixels) {
            VideoFrame(CoreVideoFrame.packed(format, width.toUInt(), height.toUInt(), it, timestampUs))
        }
    }
}

/** Received sound: interleaved signed 16-bit samples. */
public class AudioFrame internal constructor(private val core: CoreAudioFrame) : Frame("sound", core) {
    private val layout by lazy { core.layout() }

    /** Samples of all channels together. */
    public val sampleCount: Int get() = hold { layout.sampleCount.toInt() }

    /** Samples per second and channel. */
    public val sampleRate: Int get() = hold { layout.sampleRate.toInt() }

    /** Interleaved channels. */
    public val channels: Int get() = hold { layout.channels.toInt() }

    /** When the first sample is due, by [timeUs]. */
    public val timestampUs: ULong get() = hold { layout.timestampUs }

    /** Looks at the samples where they lie: a read-only direct buffer, to be forgotten when [look] returns. */
    public fun <R> withSamples(look: (ShortBuffer) -> R): R = hold {
        look(view(layout.address, layout.sampleCount * Short.SIZE_BYTES.toULong()).asShortBuffer())
    }
}

/** One encoded picture or packet of sound. */
public class EncodedFrame internal constructor(private val core: CoreEncodedFrame) : Frame("frame", core) {
    private val layout by lazy { core.layout() }

    /** What the bytes are. */
    public val info: EncodedInfo get() = hold { layout.info }

    /** How many bytes. */
    public val size: Int get() = hold { layout.length.toInt() }

    /** Looks at the bytes where they lie: a read-only direct buffer, to be forgotten when [look] returns. */
    public fun <R> withBytes(look: (ByteBuffer) -> R): R = hold { look(view(layout.address, layout.length)) }
}

internal fun view(address: ULong, length: ULong): ByteBuffer {
    if (length == 0uL) return ByteBuffer.allocateDirect(0)
    val bytes = Pointer(address.toLong()).getByteBuffer(0, length.toLong())
    return bytes.asReadOnlyBuffer().order(ByteOrder.nativeOrder())
}
