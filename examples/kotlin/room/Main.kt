package room

import kotlin.system.exitProcess
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.parlor.ParlorException
import org.parlor.reason

/** Joins a channel and shows who is there: `<url> <key> <channel> [--seconds N]`. */
fun main(arguments: Array<String>) {
    if (arguments.size < 3) {
        System.err.println("usage: room <url> <key> <channel> [--seconds N]")
        exitProcess(2)
    }
    val (url, key, channel) = arguments
    try {
        Room(url, key).use { room ->
            runBlocking {
                room.join(channel)
                waitForTheEnd(arguments)
                room.leave()
            }
        }
    } catch (error: ParlorException) {
        System.err.println("room: ${error.reason}")
        exitProcess(1)
    }
}

/** Returns after `--seconds N`, or at the end of the input. */
private suspend fun waitForTheEnd(arguments: Array<String>) {
    val seconds = arguments.indexOf("--seconds")
    if (seconds >= 0) return delay(arguments[seconds + 1].toLong() * 1000)
    while (withContext(Dispatchers.IO) { readlnOrNull() } != null) continue
}
