package org.parlor

import java.io.File
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** The programs of `examples/kotlin`, two at a time, each in a process of its own. */
class ExampleTest {
    private val programs = ArrayList<Program>()

    @AfterEach
    fun end() = programs.forEach(Program::kill)

    @Test
    fun `two rooms show one another come send and go`() {
        val first = start("room", "example-room")
        first.says(Regex("joined example-room as .*"))
        val second = start("room", "example-room")
        for (room in listOf(first, second)) {
            room.says(Regex(".* joined"))
            room.says(Regex(""".* sends \{"role":"camera"}"""))
            room.says(Regex(".* is connected"))
        }
        second.endInput()
        first.says(Regex(".+ left"))
        first.endInput()
    }

    @Test
    fun `a listener hears and sees a room`() {
        val room = start("room", "example-listen")
        room.says(Regex("joined .*"))
        val listener = start("listen", "example-listen", "--seconds", "30")
        listener.says(Regex("track \\d+: -1\\d dBFS"))
        listener.says(Regex("track \\d+: picture \\d+, 640x360, top left \\d+"))
        listener.kill()
        room.endInput()
    }

    @Test
    fun `two who message reach all one another and straight`() {
        val first = start("message", "example-message")
        first.says(Regex("joined example-message"))
        val second = start("message", "example-message")
        first.says(Regex("""peer \d+ to all: \{"text":"hello, all"}"""))
        for (one in listOf(first, second)) {
            one.says(Regex("""peer \d+ to me: \{"text":"hello, you"}"""))
            one.says(Regex("peer \\d+ on its channel: hello, straight"))
            one.endInput()
        }
    }

    @Test
    fun `a wrong key ends an example with a reason`() {
        val room = Program("room", TestServer.url, "pk_live_nobody", "example").also(programs::add)
        room.says(Regex("room: .+"))
        assertEquals(1, room.code())
    }

    private fun start(name: String, channel: String, vararg more: String) =
        Program(name, TestServer.url, TestServer.key, channel, *more).also(programs::add)

    private class Program(name: String, vararg arguments: String) {
        private val output = File.createTempFile("parlor-example", ".txt").apply { deleteOnExit() }
        private val process = ProcessBuilder(
            File(System.getProperty("java.home"), "bin/java").path,
            "-Xmx128m", "-cp", System.getProperty("java.class.path"), "$name.MainKt", *arguments,
        ).redirectErrorStream(true).redirectOutput(output).start()

        fun says(line: Regex) = eventuallyTrue("`$line`; it said:\n${output.readText()}\nand") {
            output.readLines().any(line::matches)
        }

        /** Ends what it reads, and waits for its own end. */
        fun endInput() {
            process.outputStream.close()
            assertEquals(0, code(), output.readText())
        }

        fun code(): Int {
            check(process.waitFor(30, TimeUnit.SECONDS)) { "it does not end: ${output.readText()}" }
            return process.exitValue()
        }

        fun kill() {
            process.destroyForcibly().waitFor()
        }
    }
}
