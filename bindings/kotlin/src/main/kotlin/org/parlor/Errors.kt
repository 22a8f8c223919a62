package org.parlor

/** What went wrong: the same kinds and numbers as in every other language. */
public val ParlorException.status: Status
    get() = when (this) {
        is org.parlor.engine.ParlorException.Failed -> status
    }

/** One sentence for people that holds no secret and no address. */
public val ParlorException.reason: String
    get() = when (this) {
        is org.parlor.engine.ParlorException.Failed -> reason
    }

internal fun closed(what: String): ParlorException =
    org.parlor.engine.ParlorException.Failed(Status.CLOSED, "the $what was closed")
