package org.parlor

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.parlor.engine.Credential
import org.parlor.engine.Event
import org.parlor.engine.ParlorException.Failed

class RequestTest {
    @Test
    fun `a cancelled join becomes a leave and the session can join again`() = runBlocking {
        val told = Told()
        SilentServer().use { server ->
            Session(config(url = server.url), listener = told).use { session ->
                val join = launch(start = CoroutineStart.UNDISPATCHED) { session.join("room") }
                told.await<Event.StateChange> { it.to == SessionState.JOINING }
                withTimeout(5_000) { join.cancelAndJoin() }
                val done = told.await<Event.RequestDone>()
                assertEquals(Status.CANCELLED, done.status)
                told.await<Event.StateChange> { it.to == SessionState.IDLE }
                session.startJoin("room").close()
                eventuallyTrue("another join") { session.state == SessionState.JOINING }
            }
        }
    }

    @Test
    fun `a cancelled leave and a cancelled send go on by themselves`() = runBlocking {
        val told = Told()
        Session(config(), listener = told).use { session ->
            session.join("cancelled")
            val done = { told.all.filterIsInstance<Event.RequestDone>().map { it.status } }
            launch(start = CoroutineStart.UNDISPATCHED) { session.send("1") }.cancelAndJoin()
            // A leave would overtake it.
            eventuallyTrue("the end of the send") { done().size == 2 }
            launch(start = CoroutineStart.UNDISPATCHED) { session.leave() }.cancelAndJoin()
            told.await<Event.Left>()
            eventuallyTrue("the end of the leave") { done().size == 3 }
            assertEquals(List(3) { Status.OK }, done())
        }
    }

    @Test
    fun `an abandoned request answers Cancelled`() = runBlocking {
        SilentServer().use { server ->
            Session(config(url = server.url)).use { session ->
                val request = session.startJoin("room")
                val waiting = async(start = CoroutineStart.UNDISPATCHED) { runCatching { request.done() } }
                request.abandon()
                assertEquals(Status.CANCELLED, (waiting.await().exceptionOrNull() as Failed).status)
                request.close()
            }
        }
    }

    @Test
    fun `each collector gets all events and the first one those from before`() = runBlocking {
        val told = Told()
        val session = Session(config(), listener = told)
        session.join("collected")
        val both = List(2) { async(start = CoroutineStart.UNDISPATCHED) { session.events.toList() } }
        assertTrue(session.state == SessionState.JOINED)
        session.leave()
        eventuallyTrue("the end of the leave") { told.all.count { it is Event.RequestDone } == 2 }
        session.close()
        val (first, second) = both.map { it.await() }
        assertEquals(told.all, first)
        assertTrue(first.first() is Event.StateChange && first.any { it is Event.Joined })
        assertEquals(told.all.takeLast(second.size), second)
        assertTrue(second.any { it is Event.Left } && second.none { it is Event.Joined })
    }

    @Test
    fun `a token is fetched when it is needed`() = runBlocking {
        var asked = 0
        Session(config(Credential.TokenOnDemand), token = {
            asked++
            TestServer.token("kotlin-on-demand")
        }).use { session ->
            session.join("tokens")
            assertEquals("kotlin-on-demand", session.peerId)
            assertEquals(1, asked)
        }
    }

    @Test
    fun `no token and a token that cannot be fetched fail the join`() = runBlocking {
        for (token in listOf<suspend () -> String?>({ null }, { error("thrown by the test's backend") })) {
            Session(config(Credential.TokenOnDemand), token).use { session ->
                val outcome = runCatching { session.join("tokens") }
                assertEquals(Status.SERVER_REFUSED, (outcome.exceptionOrNull() as Failed).status)
            }
        }
    }

    @Test
    fun `a token may be provided by hand`() = runBlocking {
        Session(config(Credential.TokenOnDemand)).use { session ->
            val join = launch { session.join("tokens") }
            val needed = session.events.first { it is Event.TokenNeeded } as Event.TokenNeeded
            session.provideToken(needed.requestId, TestServer.token("kotlin-by-hand"))
            join.join()
            assertEquals("kotlin-by-hand", session.peerId)
        }
    }
}
