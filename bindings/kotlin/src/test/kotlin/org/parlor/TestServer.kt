package org.parlor

import java.io.File
import java.nio.file.Files
import java.util.Base64
import java.util.concurrent.TimeUnit
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec
import kotlin.concurrent.thread
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put

/** A real server on loopback for all tests of this process, with a publishable key and a secret one. */
object TestServer {
    private val binary = checkNotNull(System.getenv("PARLOR_SERVER")) { "PARLOR_SERVER names the server's program" }
    private val folder: File = Files.createTempDirectory("parlor-kotlin").toFile()
    private val publishable: JsonObject
    private val secret: JsonObject

    /** Where it listens. */
    val url: String

    /** The key that opens everything. */
    val key: String get() = publishable.text("key")

    init {
        publishable = createKey()
        secret = createKey("--secret")
        val server = process("--listen", "127.0.0.1:0").start()
        Runtime.getRuntime().addShutdownHook(
            thread(start = false) {
                server.destroy()
                if (!server.waitFor(5, TimeUnit.SECONDS)) server.destroyForcibly()
                folder.deleteRecursively()
            },
        )
        val output = server.inputStream.bufferedReader()
        val greeting = Regex("Parlor listens on (ws://\\S+)")
        url = checkNotNull(output.lineSequence().firstNotNullOfOrNull(greeting::find)) { "the server ended at once" }
            .groupValues[1]
        thread(isDaemon = true) { output.forEachLine { } }
    }

    /** Signs a token as an app's backend does. */
    fun token(subject: String): String {
        val header = buildJsonObject {
            put("alg", "HS256")
            put("typ", "JWT")
            put("kid", secret.text("id"))
        }
        val claims = buildJsonObject {
            put("sub", subject)
            put("exp", System.currentTimeMillis() / 1000 + 3600)
        }
        val signed = "${base64(header.toString().toByteArray())}.${base64(claims.toString().toByteArray())}"
        val mac = Mac.getInstance("HmacSHA256")
        mac.init(SecretKeySpec(secret.text("secret").toByteArray(), "HmacSHA256"))
        return "$signed.${base64(mac.doFinal(signed.toByteArray()))}"
    }

    private fun base64(bytes: ByteArray) = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)

    private fun JsonObject.text(name: String) = getValue(name).jsonPrimitive.content

    private fun createKey(vararg kind: String): JsonObject {
        val process = process("keys", "create", "--json", *kind).start()
        val output = process.inputStream.bufferedReader().readText()
        check(process.waitFor() == 0) { "no key: $output" }
        return Json.parseToJsonElement(output).jsonObject
    }

    private fun process(vararg arguments: String): ProcessBuilder {
        val builder = ProcessBuilder(binary, *arguments).directory(folder)
        builder.environment()["PARLOR_DATABASE"] = File(folder, "parlor.db").path
        builder.environment()["PARLOR_CONNECTS_PER_ADDRESS"] = "0"
        return builder.redirectError(ProcessBuilder.Redirect.appendTo(File(folder, "log")))
    }
}
