package org.parlor.engine

import java.io.File
import java.io.IOException

/** Finds and loads the engine's library, once, before the first call. */
internal object NativeLibrary {
    /** The system property that names another file than the one in the jar. */
    private const val PATH = "org.parlor.library"
    private const val NAME = "parlor_uniffi"

    private val loaded: String by lazy {
        val path = System.getProperty(PATH)
        when {
            path != null -> path.also(System::load)
            isAndroid() -> NAME.also(System::loadLibrary)
            else -> loadUnpacked()
        }
    }

    /** Keeps JNA's own hold of what was unpacked. */
    private var held: com.sun.jna.NativeLibrary? = null

    /**
     * Loads the library and returns the name by which JNA finds the same one.
     *
     * The virtual machine loads it first: only then does it call the library's `JNI_OnLoad`, by which engine threads
     * become threads of Java once and not for each callback.
     */
    fun load(): String = loaded

    private fun isAndroid() = System.getProperty("java.vm.vendor").orEmpty().contains("Android")

    /** Loads a copy of the library in the jar and deletes it at once: what is loaded stays, and is found by its name. */
    private fun loadUnpacked(): String {
        val copy = unpack()
        try {
            System.load(copy.path)
            held = com.sun.jna.NativeLibrary.getInstance(copy.path)
        } finally {
            copy.delete()
        }
        return copy.path
    }

    private fun unpack(): File {
        val architecture = when (val name = System.getProperty("os.arch")) {
            "amd64", "x86_64" -> "x86-64"
            "arm64" -> "aarch64"
            else -> name
        }
        val resource = "/${System.getProperty("os.name").lowercase()}-$architecture/lib$NAME.so"
        val library = NativeLibrary::class.java.getResourceAsStream(resource)
            ?: throw UnsatisfiedLinkError("this package of Parlor has no $resource; -D$PATH names a library elsewhere")
        return try {
            val file = File.createTempFile("lib$NAME", ".so")
            library.use { from -> file.outputStream().use { to -> from.copyTo(to) } }
            file
        } catch (error: IOException) {
            throw UnsatisfiedLinkError("the engine's library cannot be unpacked: $error")
        }
    }
}
