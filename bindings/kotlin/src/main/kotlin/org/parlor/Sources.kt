package org.parlor

import java.nio.ByteBuffer
import java.nio.FloatBuffer
import java.nio.ByteOrder
import java.nio.ShortBuffer
import org.parlor.engine.EncodedSourceObserver
import org.parlor.engine.ParlorException.Failed

/** Gives a picture to the encoders; returns at once. It stays its owner's to release. */
public fun VideoSource.push(frame: VideoFrame): Unit = frame.hold { push(frame.core) }

/**
 * Copies a picture from direct buffers, each from its position to its limit, and gives it to the encoders.
 *
 * @throws ParlorException `INVALID_FRAME` when size, format or planes do not fit, `INVALID_STATE` when this source is fed
 *   otherwise.
 */
public fun VideoSource.pushPlanes(
    format: PixelFormat,
    width: Int,
    height: Int,
    planes: List<PlaneView>,
    timestampUs: ULong = 0uL,
): Unit = PictureLayout.of(format, width, height, planes, timestampUs) { pushPlanes(it) }

/** Sends an encoded frame, whose bytes are copied. */
public fun VideoSource.pushEncoded(info: EncodedInfo, bytes: ByteArray): Unit =
    withDirect(ByteBuffer.wrap(bytes)) { pushEncoded(info, it) }

/** Sends an Opus packet, whose bytes are copied. */
public fun AudioSource.pushEncoded(info: EncodedInfo, bytes: ByteArray): Unit =
    withDirect(ByteBuffer.wrap(bytes)) { pushEncoded(info, it) }

/**
 * Makes a source of pictures that the app has encoded itself.
 *
 * Both functions are called on threads of the engine, which they must not block: [onKeyframeRequest] when the next frame
 * should be a keyframe, [onTargetBitrate] with the rate to aim at, in bits per second.
 *
 * @throws ParlorException `UNSUPPORTED_CODEC` when the codec is not one for pictures.
 */
public fun encodedVideoSource(
    codec: Codec,
    onKeyframeRequest: () -> Unit,
    onTargetBitrate: (ULong) -> Unit = {},
): VideoSource = VideoSource.encoded(
    codec,
    object : EncodedSourceObserver {
        override fun onKeyframeRequest() = onKeyframeRequest.invoke()

        override fun onTargetBitrate(bitsPerSecond: ULong) = onTargetBitrate.invoke(bitsPerSecond)
    },
)

/**
 * Gives interleaved signed 16-bit sound to the encoder, from the buffer's position to its limit; it is copied, and this
 * returns at once. The buffer is direct and in the machine's byte order. [capturedUs] is when the first sample was
 * captured, by [timeUs]; 0 means now.
 *
 * @throws ParlorException `INVALID_FRAME` when the sound is not 48 kHz, 1 or 2 channels, in whole samples; `INVALID_STATE`
 *   when this source is fed otherwise; `BUSY` when more than a second waits for the encoder.
 */
public fun AudioSource.pushI16(
    samples: ShortBuffer,
    channels: Int,
    sampleRate: Int = 48_000,
    capturedUs: ULong = 0uL,
): Unit = keeping(samples) {
    checkOrder(samples.order())
    val address = address(samples, Short.SIZE_BYTES)
    pushI16(address, samples.remaining().toULong(), sampleRate.toUInt(), channels.toUInt(), capturedUs)
}

/** Gives interleaved sound of ±1.0 to the encoder; otherwise as [pushI16]. */
public fun AudioSource.pushF32(
    samples: FloatBuffer,
    channels: Int,
    sampleRate: Int = 48_000,
    capturedUs: ULong = 0uL,
): Unit = keeping(samples) {
    checkOrder(samples.order())
    val address = address(samples, Float.SIZE_BYTES)
    pushF32(address, samples.remaining().toULong(), sampleRate.toUInt(), channels.toUInt(), capturedUs)
}

/**
 * Writes interleaved 16-bit stereo from the buffer's position to its limit, silence where no track has sound; returns how
 * many samples some track had. It never waits, and the buffer's position stays.
 */
public fun AudioPlayout.pull(samples: ShortBuffer): Int = keeping(samples) {
    checkOrder(samples.order())
    if (samples.isReadOnly) throw Failed(Status.INVALID_ARGUMENT, "the buffer is read-only")
    pull(address(samples, Short.SIZE_BYTES), samples.remaining().toULong()).toInt()
}

/** Returns the peak signal-to-noise ratio of a received picture in dB against the one that the stamp in it names. */
public fun Reference.psnr(frame: VideoFrame): Double = frame.hold { psnr(frame.core) }

private fun checkOrder(order: ByteOrder) {
    if (order != ByteOrder.nativeOrder()) {
        throw Failed(Status.INVALID_ARGUMENT, "the buffer is not in the machine's byte order (`ByteOrder.nativeOrder()`)")
    }
}
