/*
 * One session of the package for the conformance tests, driven by lines of JSON: the protocol of
 * `tests/conformance/engine`, which says what the commands, answers and events are.
 */
package org.parlor.peer

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import kotlinx.serialization.json.put
import org.parlor.ParlorException
import org.parlor.Status
import org.parlor.reason
import org.parlor.status

fun main() {
    Peer().use { peer ->
        for (line in generateSequence(::readLine)) {
            val command = Json.parseToJsonElement(line).jsonObject
            say(
                buildJsonObject {
                    put("id", command.long("id"))
                    try {
                        put("value", peer.answer(command))
                    } catch (error: ParlorException) {
                        put("error", code(error.status))
                        put("message", error.reason)
                    }
                },
            )
        }
    }
}

/** Writes one line; events and answers come from different threads. */
@Synchronized
fun say(line: JsonObject) {
    println(line)
    System.out.flush()
}

/** A status as the protocol spells codes, such as `invalid_argument`. */
fun code(status: Status): String = status.name.lowercase()

fun JsonObject.textOrNull(name: String): String? = get(name)?.jsonPrimitive?.contentOrNull

fun JsonObject.text(name: String): String = getValue(name).jsonPrimitive.content

fun JsonObject.long(name: String): Long = getValue(name).jsonPrimitive.long

fun JsonObject.int(name: String): Int = getValue(name).jsonPrimitive.int

fun JsonObject.flag(name: String): Boolean? = get(name)?.jsonPrimitive?.booleanOrNull

fun json(number: ULong): JsonElement = JsonPrimitive(number.toLong())
