package org.parlor.engine

import java.lang.reflect.Method

/**
 * The platform's cleaner (`java.lang.ref.Cleaner`, Java 9 and Android 13), found when the app runs: older Androids do
 * not have it, and what they compile against neither. The generated code takes JNA's where this one is missing.
 */
internal class JavaLangRefCleaner : UniffiCleaner {
    private val type = Class.forName("java.lang.ref.Cleaner")
    private val cleaner: Any = checkNotNull(type.getMethod("create").invoke(null))
    private val register: Method = type.getMethod("register", Any::class.java, Runnable::class.java)
    private val clean: Method = Class.forName("java.lang.ref.Cleaner\$Cleanable").getMethod("clean")

    override fun register(value: Any, cleanUpTask: Runnable): UniffiCleaner.Cleanable {
        val cleanable = register.invoke(cleaner, value, cleanUpTask)
        return object : UniffiCleaner.Cleanable {
            override fun clean() {
                clean.invoke(cleanable)
            }
        }
    }
}
