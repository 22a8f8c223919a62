package org.parlor

import com.sun.jna.Function
import java.lang.reflect.InvocationTargetException
import java.lang.reflect.Method
import java.lang.reflect.Modifier
import java.nio.ByteBuffer
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.parlor.engine.Credential
import org.parlor.engine.Event
import org.parlor.engine.NativeLibrary
import org.parlor.engine.ParlorException.Failed

/** What a panic behind each function of the library becomes. Looks functions up, so not for a shrunk package. */
class PanicTest {
    private val panics = com.sun.jna.NativeLibrary.getInstance(NativeLibrary.load()).getFunction("parlor_test_panics")

    /** The functions that were tried, by their names in the library. */
    private val tried = HashSet<String>()

    @AfterEach
    fun stop() = panics.ask(false)

    @Test
    fun `a panic behind any function is an error of kind Internal`() {
        val objects = objects()
        val frames = listOf(objects.first { it is org.parlor.engine.AudioFrame }, objects.first { it is org.parlor.engine.EncodedFrame })
        panics.ask(true)
        objects.forEach(::tryMethods)
        objects.map { it.javaClass }.toSet().forEach(::tryConstructors)
        Class.forName("org.parlor.engine.ParlorKt").methods.filter { it.name in FUNCTIONS }.forEach { function ->
            tried.add("func_${snake(function.name)}")
            assertPanics(function.name) { function.invoke(null, *arguments(function.parameterTypes)) }
        }
        panics.ask(false)
        assertEquals(exported(), tried)
        // All of it still works.
        assertTrue(version().isNotEmpty())
        frames.forEach { (it as AutoCloseable).close() }
    }

    /** One object of each class that has functions. */
    private fun objects(): List<Any> {
        val config = SessionConfig(TestServer.url, Credential.ApiKey(TestServer.key), engine = loopback)
        val quiet = object : org.parlor.engine.SessionListener {
            override fun onEvent(event: Event) = Unit
        }
        val session = org.parlor.engine.Session(config, quiet)
        val tone = AudioSource.tone(440f)
        val stream = MediaStream()
        val pixels = VideoFrame.packed(PixelFormat.RGBA, 2, 2, directBytes(16))
        return listOf(
            session, tone, stream, stream.addAudio(tone), VideoSource(), AudioPlayout(), loopback, pixels.core,
            session.remotePeer(1uL), session.leave(), Reference.testPattern(320u, 180u),
        ) + receivedFrames()
    }

    /** Received sound, decoded and encoded. */
    private fun receivedFrames(): List<Any> {
        val frames = LinkedBlockingQueue<Any>()
        val sink = object : org.parlor.engine.AudioSink {
            override fun wants() = SinkWants.BOTH

            override fun onFrame(frame: org.parlor.engine.AudioFrame) {
                frames.add(frame)
            }

            override fun onEncoded(frame: org.parlor.engine.EncodedFrame) {
                frames.add(frame)
            }
        }
        Session(config()).use { sender ->
            sender.addStream(MediaStream().apply { addAudio(AudioSource.tone(440f)) })
            lateinit var receiver: Session
            receiver = Session(config(), listener = {
                if (it is Event.TrackAdded) receiver.remoteTrack(it.trackId).setAudioSink(sink)
            })
            receiver.use {
                runBlocking {
                    sender.join("panics")
                    receiver.join("panics")
                }
                val found = HashMap<Class<*>, Any>()
                while (found.size < 2) {
                    val frame = checkNotNull(frames.poll(30, TimeUnit.SECONDS)) { "no sound came" }
                    found.put(frame.javaClass, frame)?.let { (it as AutoCloseable).close() }
                }
                return found.values.toList()
            }
        }
    }

    private fun tryMethods(target: Any) {
        val type = target.javaClass
        val ours = type.interfaces.single { it.simpleName == "${type.simpleName}Interface" }.methods
        for (method in ours.filterNot { Modifier.isStatic(it.modifiers) || it.name.contains("DefaultImpls") }) {
            val name = method.name.substringBefore('-')
            tried.add("method_${type.simpleName.lowercase()}_${snake(name)}")
            assertPanics("${type.simpleName}.$name") {
                if (name == "done") runBlocking { (target as Request).done() } else method.invoke(target, *arguments(method.parameterTypes))
            }
        }
    }

    private fun tryConstructors(type: Class<*>) {
        val primary = type.constructors.filter { new -> new.parameterTypes.none { it.simpleName in FAKES } }
        for (new in primary) {
            tried.add("constructor_${type.simpleName.lowercase()}_new")
            assertPanics("${type.simpleName}()") { new.newInstance(*arguments(new.parameterTypes)) }
        }
        val companion = type.getField("Companion").get(null)
        for (named in companion.javaClass.declaredMethods.filter { Modifier.isPublic(it.modifiers) && !it.isSynthetic }) {
            val name = named.name.substringBefore('-')
            tried.add("constructor_${type.simpleName.lowercase()}_${snake(name)}")
            assertPanics("${type.simpleName}.$name") { named.invoke(companion, *arguments(named.parameterTypes)) }
        }
    }

    /** Every function of the library that apps can call, by the names that the generated code binds. */
    private fun exported(): Set<String> {
        val prefix = "uniffi_parlor_uniffi_fn_"
        val bound = Class.forName("org.parlor.engine.UniffiLib").declaredMethods.map(Method::getName)
        val callbacks = listOf("audiosink", "encodedsourceobserver", "logsink", "sessionlistener", "videosink")
        return bound.filter { it.startsWith(prefix) }.map { it.removePrefix(prefix) }
            .filterNot { it.startsWith("clone_") || it.startsWith("free_") || it.startsWith("init_") }
            .filterNot { name -> callbacks.any { name.startsWith("method_${it}_") } }
            .toSet()
    }

    private fun assertPanics(what: String, call: () -> Unit) {
        val outcome = runCatching(call).exceptionOrNull()
        val thrown = (outcome as? InvocationTargetException)?.targetException ?: outcome
        assertTrue(thrown is Failed && thrown.status == Status.INTERNAL, "$what: $thrown")
    }

    private fun arguments(types: Array<Class<*>>): Array<Any?> = types.map(::argument).toTypedArray()

    private fun argument(type: Class<*>): Any? = when (type) {
        java.lang.Long.TYPE -> 0L
        java.lang.Integer.TYPE -> 1
        java.lang.Float.TYPE -> 440f
        String::class.java -> ""
        ByteBuffer::class.java -> directBytes(1)
        DataChannelOptions::class.java -> DataChannelOptions()
        EngineConfig::class.java -> EngineConfig()
        EncodedInfo::class.java -> EncodedInfo(Codec.OPUS, true, 0uL, 0uL)
        SessionConfig::class.java -> SessionConfig("ws://127.0.0.1", Credential.TokenOnDemand)
        org.parlor.engine.SessionListener::class.java -> object : org.parlor.engine.SessionListener {
            override fun onEvent(event: Event) = Unit
        }
        org.parlor.engine.EncodedSourceObserver::class.java -> object : org.parlor.engine.EncodedSourceObserver {
            override fun onKeyframeRequest() = Unit

            override fun onTargetBitrate(bitsPerSecond: ULong) = Unit
        }
        MediaStream::class.java -> made.stream
        AudioSource::class.java -> made.audio
        VideoSource::class.java -> made.video
        AudioPlayout::class.java -> made.playout
        org.parlor.engine.VideoFrame::class.java -> made.frame
        org.parlor.engine.VideoSink::class.java, org.parlor.engine.AudioSink::class.java,
        org.parlor.engine.LogSink::class.java, kotlin.coroutines.Continuation::class.java -> null
        else -> when {
            type.isEnum -> type.enumConstants.first()
            // What marks a constructor with an unsigned number.
            type.simpleName == "DefaultConstructorMarker" -> null
            else -> error("no argument of ${type.name}")
        }
    }

    /** Arguments that are objects of the library, made before it panics. */
    private val made = object {
        val stream = MediaStream()
        val audio = AudioSource(1u)
        val video = VideoSource()
        val playout = AudioPlayout()
        val frame = VideoFrame.packed(PixelFormat.RGBA, 2, 2, directBytes(16)).core
    }

    private fun Function.ask(panic: Boolean) = invokeVoid(arrayOf(if (panic) 1 else 0))

    private fun snake(name: String) = name.replace(Regex("([A-Z])")) { "_${it.value.lowercase()}" }

    private companion object {
        val FUNCTIONS = setOf("liveObjects", "setLogSink", "timeUs", "version")

        /** What only the generated code itself, or a fake, is made with. */
        val FAKES = setOf("UniffiWithHandle", "NoHandle")
    }
}
