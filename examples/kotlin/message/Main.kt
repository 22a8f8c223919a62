package message

import kotlin.system.exitProcess
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.parlor.MessageKind
import org.parlor.ParlorException
import org.parlor.Session
import org.parlor.SessionConfig
import org.parlor.engine.Credential
import org.parlor.engine.Event
import org.parlor.reason

/** Sends to all, to one, and on a data channel, and prints what comes: `<url> <key> <channel> [--seconds N]`. */
fun main(arguments: Array<String>) {
    if (arguments.size < 3) {
        System.err.println("usage: message <url> <key> <channel> [--seconds N]")
        exitProcess(2)
    }
    val (url, key, channel) = arguments
    try {
        Session(SessionConfig(url, Credential.ApiKey(key))).use { session ->
            runBlocking {
                val events = launch { session.events.collect { onEvent(session, it) } }
                session.join(channel)
                println("joined $channel")
                session.send("""{"text":"hello, all"}""")
                waitForTheEnd(arguments)
                session.leave()
                events.cancel()
            }
        }
    } catch (error: ParlorException) {
        System.err.println("message: ${error.reason}")
        exitProcess(1)
    }
}

private suspend fun onEvent(session: Session, event: Event) {
    when (event) {
        is Event.PeerJoined -> greet(session, event)
        is Event.Data -> {
            val whom = if (event.kind == MessageKind.DIRECT) "me" else "all"
            println("peer ${event.peerId} to $whom: ${event.data}")
        }
        is Event.ChannelOpen -> if (!event.incoming) session.sendText(event.channelId, "hello, straight")
        is Event.ChannelText -> println("peer ${event.peerId} on its channel: ${event.text}")
        else -> {}
    }
}

/** Greets who comes through the server, and straight: a data channel carries what the server does not see. */
private suspend fun greet(session: Session, event: Event.PeerJoined) {
    println("peer ${event.peerId} is ${event.wireId}")
    try {
        session.openChannel(event.peerId, "greeting")
        session.sendTo(event.peerId, """{"text":"hello, you"}""")
    } catch (error: ParlorException) {
        println("peer ${event.peerId} could not be greeted: ${error.reason}")
    }
}

/** Returns after `--seconds N`, or at the end of the input. */
private suspend fun waitForTheEnd(arguments: Array<String>) {
    val seconds = arguments.indexOf("--seconds")
    if (seconds >= 0) return delay(arguments[seconds + 1].toLong() * 1000)
    while (withContext(Dispatchers.IO) { readlnOrNull() } != null) continue
}
