import Parlor

// Nothing listens at port 9: joining fails, and says so by its status.
let session = try Session(SessionConfig(url: "ws://127.0.0.1:9", credential: .apiKey(key: "pk_dev")))
let events = session.events
async let seen = events.reduce(into: 0) { count, _ in count += 1 }
do {
    try session.startJoin("demo").abandon()
    try await session.leave()
    try session.shutdown()
}
let count = await seen
precondition(count > 0, "the session told nothing")
print("Parlor \(try version()): \(count) events")
