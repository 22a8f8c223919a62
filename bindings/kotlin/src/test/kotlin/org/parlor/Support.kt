package org.parlor

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.TimeUnit
import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.fail
import org.parlor.engine.Credential

/** A loaded machine may take this long for what takes a moment. */
private const val PATIENCE_S = 30L

/** How often a condition is looked at that nobody tells. */
private const val LOOK_MS = 20L

/** Waits until something is there that nobody tells. */
fun <T : Any> eventually(what: String, look: () -> T?): T {
    val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_S)
    while (System.nanoTime() < deadline) {
        look()?.let { return it }
        Thread.sleep(LOOK_MS)
    }
    return fail("$what did not come about")
}

fun eventuallyTrue(what: String, look: () -> Boolean) {
    eventually(what) { look().takeIf { it } }
}

/** A session's listener that remembers. */
class Told : (Event) -> Unit {
    private val lock = ReentrantLock()
    private val more = lock.newCondition()
    private val events = ArrayList<Event>()

    val all: List<Event> get() = lock.withLock { events.toList() }

    override fun invoke(event: Event): Unit = lock.withLock {
        events.add(event)
        more.signalAll()
    }

    /** Waits for the first event of this kind that fits. */
    inline fun <reified E : Event> await(noinline fits: (E) -> Boolean = { true }): E =
        awaitAny(E::class.java.simpleName) { it is E && fits(it) } as E

    fun awaitAny(what: String, fits: (Event) -> Boolean): Event {
        lock.withLock { return awaitLocked(what, fits) }
    }

    private fun awaitLocked(what: String, fits: (Event) -> Boolean): Event {
        var left = TimeUnit.SECONDS.toNanos(PATIENCE_S)
        while (true) {
            val found = events.firstOrNull(fits)
            if (found != null) return found
            if (left <= 0) fail("no $what; told: $events")
            left = more.awaitNanos(left)
        }
    }
}

/** The engine of the tests: media on loopback alone. */
val loopback: Engine by lazy { Engine(EngineConfig(bindAddresses = listOf("127.0.0.1"))) }

fun config(
    credential: Credential = Credential.ApiKey(TestServer.key),
    url: String = TestServer.url,
): SessionConfig = SessionConfig(url = url, credential = credential, engine = loopback)

/** Runs what must fail, and returns how. */
fun failure(call: () -> Unit): Status = assertThrows<ParlorException> { call() }.status

fun assertFails(status: Status, call: () -> Unit) = assertEquals(status, failure(call))

/** A file of `examples/media`. */
fun media(name: String): String = File(checkNotNull(System.getProperty("parlor.media")), name).path

fun directBytes(size: Int): ByteBuffer = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder())
