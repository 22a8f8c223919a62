package org.parlor

import java.lang.ref.WeakReference
import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch
import org.parlor.engine.Session as Core
import org.parlor.engine.SessionListener

/**
 * A call: one connection to the server, one channel, one link to each remote peer.
 *
 * Every function may be called from any thread, also while an event is told, and none waits for the network but those
 * that suspend. [close] ends the session. One that is forgotten without it leaves as well, once it is collected: the
 * engine holds it weakly.
 *
 * @param config the server, the credential and what else an app may choose.
 * @param token asked for a token each time that one is needed, with `Credential.TokenOnDemand`; null, or an exception,
 *   means that there is none, and the attempt to connect fails.
 * @param listener called for each event, one at a time, on the session's own thread, which it must not block. What it
 *   throws is logged by the engine and changes nothing. [events] is the same as a flow.
 * @throws ParlorException `INVALID_ARGUMENT` when the URL, the credential or an ICE server is not well-formed,
 *   `UNSUPPORTED_CODEC`, `CONNECTION_FAILED` when the default engine can open no socket.
 */
public class Session(
    config: SessionConfig,
    private val token: (suspend () -> String?)? = null,
    private val listener: ((Event) -> Unit)? = null,
) : AutoCloseable {
    private val mailboxes = Mailboxes()
    private val closed = AtomicBoolean()
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val core = Core(config, WeakListener(WeakReference(this)))

    /**
     * The session's events, in order, to any number of collectors.
     *
     * Nothing is lost: each collector has a mailbox without a bound, from the moment at which it starts to collect. The
     * last 1,024 events from before the first collector wait for that one. The flow ends when the session is closed.
     */
    public val events: Flow<Event> = mailboxes.collectedBy(this)

    /** The session's state. */
    public val state: SessionState get() = core { it.state() }

    /** This session's own peer id on the wire, once the server has given it. */
    public val peerId: String? get() = core { it.peerId() }

    /** The remote peers, in the order in which they came. */
    public val remotePeers: List<RemotePeer> get() = core { it.remotePeers() }

    /**
     * Joins a channel. Cancelled, it becomes a leave.
     *
     * @throws ParlorException how it failed; `INVALID_ARGUMENT` for a name that no server accepts, `INVALID_STATE` when
     *   the session is in a channel, `CLOSED`.
     */
    public suspend fun join(channel: String): Unit = wait(startJoin(channel))

    /**
     * Leaves; it ends within a bound, whatever the network does. Streams stay added, and the session may join again.
     * Cancelled, it goes on by itself.
     */
    public suspend fun leave(): Unit = wait(startLeave())

    /** Sends a JSON text to everyone in the channel and waits for the server's word. Cancelled, it is sent all the same. */
    public suspend fun send(data: String): Unit = wait(startSend(data))

    /** Sends a JSON text to one peer; otherwise as [send]. */
    public suspend fun sendTo(peerId: ULong, data: String): Unit = wait(startSendTo(peerId, data))

    /** Starts what [join] waits for. The request's end is also told by `Event.RequestDone`. */
    public fun startJoin(channel: String): Request = core { it.join(channel) }

    /** Starts what [leave] waits for. */
    public fun startLeave(): Request = core { it.leave() }

    /** Starts what [send] waits for. */
    public fun startSend(data: String): Request = core { it.send(data) }

    /** Starts what [sendTo] waits for. */
    public fun startSendTo(peerId: ULong, data: String): Request = core { it.sendTo(peerId, data) }

    /**
     * Adds a stream; everyone in the channel gets it, now or when the session joins. [metadata] is a JSON object that
     * receivers get with `Event.StreamAdded`.
     */
    public fun addStream(stream: MediaStream, metadata: String? = null): Unit = core { it.addStream(stream, metadata) }

    /** Takes a stream back. */
    public fun removeStream(stream: MediaStream): Unit = core { it.removeStream(stream) }

    /**
     * Opens a data channel straight to a peer and returns its id; it is open at `Event.ChannelOpen`, and what is sent
     * before waits.
     */
    public fun openChannel(peerId: ULong, label: String, options: DataChannelOptions = DataChannelOptions()): ULong =
        core { it.openChannel(peerId, label, options) }

    /**
     * Sends a text on a data channel, whoever opened it.
     *
     * @throws ParlorException `BUSY` when more than 1 MiB or 256 messages wait in it, and `Event.ChannelWritable` says
     *   when to go on; `PAYLOAD_TOO_LARGE`; `UNKNOWN_ID`; `CLOSED`.
     */
    public fun sendText(channelId: ULong, text: String): Unit = core { it.sendText(channelId, text) }

    /** Sends bytes on a data channel, from the buffer's position to its limit; otherwise as [sendText]. */
    public fun sendBytes(channelId: ULong, bytes: ByteBuffer): Unit =
        withDirect(bytes) { direct -> core { it.sendBytes(channelId, direct) } }

    /** Closes a data channel, whoever opened it; what waits in it is lost. */
    public fun closeChannel(channelId: ULong): Unit = core { it.closeChannel(channelId) }

    /** Returns how many bytes wait in a data channel beside the 1 MiB that its link has in flight. */
    public fun channelBufferedAmount(channelId: ULong): ULong = core { it.channelBufferedAmount(channelId) }

    /** Says that the device is on another network: on phones, from the platform's own notice; Linux needs no call. */
    public fun networkChanged(): Unit = core { it.networkChanged() }

    /** Answers `Event.TokenNeeded` where the session was given no `token` function. */
    public fun provideToken(requestId: ULong, token: String?): Unit = core { it.provideToken(requestId, token) }

    /** Records a remote track into a file, in place of its sink; the name's end says what is written. */
    public fun record(trackId: ULong, path: String): Unit = core { it.record(trackId, path) }

    /** Returns the remote peer that an event names. One that has left by now answers `UNKNOWN_ID`. */
    public fun remotePeer(peerId: ULong): RemotePeer = core { it.remotePeer(peerId) }

    /** Returns the remote track that `Event.TrackAdded` names, to receive it. */
    public fun remoteTrack(trackId: ULong): MediaTrack = core { it.remoteTrack(trackId) }

    /**
     * Ends the session: it leaves in the background, and no event is told after this returns, except the one during
     * which it is called. Every later call answers `CLOSED`, and so does every request under way. Twice does nothing.
     */
    override fun close() {
        if (closed.compareAndSet(false, true)) {
            try {
                core.shutdown()
            } finally {
                core.destroy()
                mailboxes.end()
                scope.cancel()
            }
        }
    }

    private suspend fun wait(request: Request) {
        try {
            request.await()
        } finally {
            // Named here so that a session that only waits is not taken for one that was forgotten.
            closed.get()
        }
    }

    private inline fun <R> core(call: (Core) -> R): R {
        if (closed.get()) throw closed("session")
        return try {
            call(core)
        } catch (error: IllegalStateException) {
            // The generated code says so of an object that another thread has just closed.
            if (closed.get()) throw closed("session") else throw error
        }
    }

    private fun tell(event: Event) {
        val token = token
        if (event is org.parlor.engine.Event.TokenNeeded && token != null) {
            answer(event.requestId, token, WeakReference(this))
        }
        mailboxes.post(event)
        listener?.invoke(event)
    }

    private fun answer(requestId: ULong, token: suspend () -> String?, session: WeakReference<Session>) {
        scope.launch {
            val answer = try {
                token()
            } catch (error: Exception) {
                if (error is CancellationException) throw error
                null
            }
            try {
                session.get()?.provideToken(requestId, answer)
            } catch (_: ParlorException) {
                // Closed while the token was fetched: nobody needs it any more.
            }
        }
    }

    /** What the engine holds: without the session's own references nobody listens. */
    private class WeakListener(private val session: WeakReference<Session>) : SessionListener {
        override fun onEvent(event: Event) {
            session.get()?.tell(event)
        }
    }
}

/** Waits for a request's end; cancelled, it is abandoned. */
public suspend fun Request.await() {
    try {
        done()
    } catch (cancelled: CancellationException) {
        abandon()
        throw cancelled
    } finally {
        destroy()
    }
}
