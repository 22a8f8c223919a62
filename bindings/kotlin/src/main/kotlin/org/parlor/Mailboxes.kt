package org.parlor

import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow

/** How many events wait for the first collector. */
private const val MOST_EARLY = 1024

/** The collectors of a session's events, each with a mailbox of its own. */
internal class Mailboxes {
    private val mailboxes = ArrayList<Channel<Event>>()

    /** What was told before the first collector came; null from then on. */
    private var early: ArrayDeque<Event>? = ArrayDeque()
    private var ended = false

    /** Puts an event into each mailbox. It waits for nobody. */
    @Synchronized
    fun post(event: Event) {
        mailboxes.forEach { it.trySend(event) }
        early?.run {
            if (size == MOST_EARLY) removeFirst()
            addLast(event)
        }
    }

    /** Closes every mailbox: what is in them is still collected. */
    @Synchronized
    fun end() {
        ended = true
        mailboxes.forEach { it.close() }
    }

    /** Returns the flow; whoever collects it holds the owner. */
    fun collectedBy(owner: Any): Flow<Event> = flow {
        val mailbox = open()
        try {
            for (event in mailbox) emit(event)
        } finally {
            close(mailbox, owner)
        }
    }

    @Synchronized
    private fun open(): Channel<Event> {
        val mailbox = Channel<Event>(Channel.UNLIMITED)
        early?.forEach { mailbox.trySend(it) }
        early = null
        mailboxes.add(mailbox)
        if (ended) mailbox.close()
        return mailbox
    }

    /** The owner is named here so that it is held until now. */
    @Synchronized
    private fun close(mailbox: Channel<Event>, @Suppress("UNUSED_PARAMETER") owner: Any) {
        mailboxes.remove(mailbox)
    }
}
