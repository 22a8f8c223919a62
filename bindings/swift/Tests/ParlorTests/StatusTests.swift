import Foundation
import Parlor
import XCTest

final class StatusTests: XCTestCase {
    /// Every status has the name and the number that the C header gives it, and there is no other.
    func testStatusesAreThoseOfTheHeader() throws {
        let path = try XCTUnwrap(ProcessInfo.processInfo.environment["PARLOR_HEADER"], "names include/parlor.h")
        let header = try String(contentsOfFile: path, encoding: .utf8)
        var declared: [Int32: String] = [:]
        for match in header.matches(of: /PARLOR_STATUS_([A-Z0-9_]+) = (-?\d+),/) {
            declared[try XCTUnwrap(Int32(match.2))] = match.1.replacing("_", with: "").lowercased()
        }
        XCTAssertGreaterThan(declared.count, 20)
        let numbers = (-1000...1000).compactMap { Status(rawValue: $0) }
        let ours = Dictionary(uniqueKeysWithValues: numbers.map { ($0.rawValue, String(describing: $0).lowercased()) })
        XCTAssertEqual(ours, declared)
    }

    func testAnErrorTellsItsStatusAndItsReason() {
        let error = ParlorError.Failed(status: .busy, reason: "full")
        XCTAssertEqual(error.status, .busy)
        XCTAssertEqual(error.reason, "full")
    }
}
