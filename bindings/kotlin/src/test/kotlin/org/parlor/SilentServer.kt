package org.parlor

import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.concurrent.thread

/** Accepts connections and never says a word. */
class SilentServer : AutoCloseable {
    private val socket = ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))
    private val connections = ConcurrentLinkedQueue<Socket>()
    val url = "ws://127.0.0.1:${socket.localPort}"

    init {
        thread(isDaemon = true) {
            while (!socket.isClosed) runCatching { connections.add(socket.accept()) }
        }
    }

    override fun close() {
        socket.close()
        connections.forEach(Socket::close)
    }
}
