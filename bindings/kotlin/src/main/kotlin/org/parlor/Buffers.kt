package org.parlor

import com.sun.jna.Native
import com.sun.jna.Pointer
import java.nio.Buffer
import java.nio.ByteBuffer
import org.parlor.engine.ParlorException.Failed

/** Hands on what is between position and limit as a direct buffer: itself, or a copy of one that lies in Java's heap. */
internal fun <R> withDirect(buffer: ByteBuffer, use: (ByteBuffer) -> R): R {
    val direct = direct(buffer)
    return keeping(direct) { use(direct) }
}

private fun direct(buffer: ByteBuffer): ByteBuffer {
    if (buffer.isDirect) return buffer.slice()
    val copy = ByteBuffer.allocateDirect(buffer.remaining())
    copy.put(buffer.duplicate())
    // Through the super class: ByteBuffer has a flip of its own only since Java 9.
    (copy as Buffer).flip()
    return copy
}

/** Returns where a direct buffer's position lies. */
internal fun address(buffer: Buffer, bytesEach: Int): ULong {
    if (!buffer.isDirect) throw Failed(Status.INVALID_ARGUMENT, "the buffer is not direct (`ByteBuffer.allocateDirect`)")
    if (!buffer.hasRemaining()) return 0uL
    val start = Pointer.nativeValue(Native.getDirectBufferPointer(buffer))
    return (start + buffer.position().toLong() * bytesEach).toULong()
}

/** Runs [call] while [memory] is not collected: what only has its address does not keep it. */
internal fun <R> keeping(memory: Any, call: () -> R): R {
    try {
        return call()
    } finally {
        synchronized(memory) {}
    }
}
