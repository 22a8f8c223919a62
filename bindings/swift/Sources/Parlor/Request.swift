import ParlorEngine

/// A request under way: a join, a leave or a message. `id()` is the number that `requestDone` carries.
public typealias Request = ParlorEngine.Request

extension Request {
    /// Waits for the end, once. When the task is cancelled it stops waiting: a join becomes a leave, a leave and a message
    /// go on by themselves.
    ///
    /// Errors: how the request failed; `CancellationError` when the task was cancelled.
    public func finish() async throws {
        do {
            try await withTaskCancellationHandler {
                try await done()
            } onCancel: {
                try? abandon()
            }
        } catch let error as ParlorError where error.status == .cancelled && Task.isCancelled {
            throw CancellationError()
        }
    }
}
