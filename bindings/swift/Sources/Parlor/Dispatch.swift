import Foundation
import ParlorEngine

/// What the engine calls for a session's events: hands them to the app's listener, to the readers of `events` and to the
/// token provider. The engine holds it, so it holds neither the session nor the app's listener.
final class Dispatch: ParlorEngine.SessionListener, @unchecked Sendable {
    /// How many unread events a stream keeps before it ends.
    static let unread = 4096

    /// Guards what follows; nothing is called while it is held.
    private let lock = NSLock()
    private weak var appListener: (any SessionListener)?
    private var readers: [UUID: AsyncStream<Event>.Continuation] = [:]
    private var hasEnded = false
    private var tokens: Session.TokenProvider?
    private weak var core: ParlorEngine.Session?

    var listener: (any SessionListener)? {
        get { lock.withLock { appListener } }
        set { lock.withLock { appListener = newValue } }
    }

    func answerTokens(of core: ParlorEngine.Session, from tokens: @escaping Session.TokenProvider) {
        lock.withLock {
            self.core = core
            self.tokens = tokens
        }
    }

    func stream() -> AsyncStream<Event> {
        let (stream, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingOldest(Self.unread))
        let id = UUID()
        continuation.onTermination = { [weak self] _ in
            _ = self?.lock.withLock { self?.readers.removeValue(forKey: id) }
        }
        let isLate = lock.withLock {
            if !hasEnded {
                readers[id] = continuation
            }
            return hasEnded
        }
        if isLate {
            continuation.finish()
        }
        return stream
    }

    func end() {
        let last = lock.withLock {
            hasEnded = true
            tokens = nil
            defer { readers = [:] }
            return Array(readers.values)
        }
        for reader in last {
            reader.finish()
        }
    }

    func onEvent(event: Event) throws {
        let (listener, readers) = lock.withLock { (appListener, Array(self.readers.values)) }
        defer {
            for reader in readers {
                if case .dropped = reader.yield(event) {
                    reader.finish()
                }
            }
            if case .tokenNeeded(let requestId) = event {
                answer(requestId)
            }
        }
        try crossing { try listener?.onEvent(event) }
    }

    private func answer(_ requestId: UInt64) {
        guard let tokens = lock.withLock({ tokens }) else { return }
        Task { [weak self] in
            let token = try? await tokens()
            let core = self?.lock.withLock { self?.core }
            // A session that has ended meanwhile needs no token.
            try? core?.provideToken(requestId: requestId, token: token)
        }
    }
}
