package org.parlor

import com.sun.jna.Pointer
import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.parlor.engine.ParlorException.Failed

/**
 * What a picture is and where its pixels lie, as the numbers that cross: format, width, height and time, then address,
 * length and stride of three planes.
 */
internal class PictureLayout private constructor(private val numbers: LongArray) {
    val format: PixelFormat get() = PixelFormat.entries.first { it.value.toLong() == numbers[0] }
    val width: Int get() = numbers[1].toInt()
    val height: Int get() = numbers[2].toInt()
    val timestampUs: ULong get() = numbers[3].toULong()

    /** Makes views of the planes that the picture has. */
    fun planes(): List<PlaneView> = (PLANES until COUNT step PLANE).filter { numbers[it] != 0L }.map {
        PlaneView(view(numbers[it].toULong(), numbers[it + 1].toULong()), numbers[it + 2].toInt())
    }

    companion object {
        private const val PLANES = 4
        private const val PLANE = 3
        private const val COUNT = 13

        /** Reads the layout of a picture of the engine's. */
        fun at(address: ULong) = PictureLayout(Pointer(address.toLong()).getLongArray(0, COUNT))

        /** Writes the layout of an app's picture, and hands on its address while it and the planes' buffers stay. */
        fun <R> of(
            format: PixelFormat,
            width: Int,
            height: Int,
            planes: List<PlaneView>,
            timestampUs: ULong,
            use: (ULong) -> R,
        ): R {
            if (planes.size > (COUNT - PLANES) / PLANE) {
                throw Failed(Status.INVALID_FRAME, "a picture has three planes at most")
            }
            val memory = ByteBuffer.allocateDirect(COUNT * Long.SIZE_BYTES).order(ByteOrder.nativeOrder()).asLongBuffer()
            memory.put(format.value.toLong()).put(width.toLong()).put(height.toLong()).put(timestampUs.toLong())
            for (plane in planes) {
                val bytes = plane.bytes
                memory.put(address(bytes, 1).toLong()).put(bytes.remaining().toLong()).put(plane.stride.toLong())
            }
            // Through the super class: LongBuffer has a rewind of its own only since Java 9.
            (memory as Buffer).rewind()
            return keeping(planes) { keeping(memory) { use(address(memory, Long.SIZE_BYTES)) } }
        }
    }
}
