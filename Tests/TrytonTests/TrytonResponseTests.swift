import Testing

@testable import Tryton

@Suite struct TrytonResponseTests {
    private func problem(_ status: Int = 200, _ text: String) -> TrytonProblem? {
        do throws(TrytonProblem) {
            _ = try TrytonResponse(status: status, text: text).result(of: "m")
            return nil
        } catch { return error }
    }

    @Test func aResultMayBeNull() throws {
        #expect(try TrytonResponse(text: #"{"id": 1, "result": null}"#).result(of: "m") == .null)
        #expect(try TrytonResponse(text: #"{"id": 1, "result": [3]}"#).result(of: "m") == [3])
    }

    @Test func pagesInHTMLAreKnownByTheirStatus() {
        let page = "<!doctype html><title>secret</title>"
        #expect(problem(401, page) == .unauthorized)
        #expect(problem(403, page) == .misconfigured("the user may not call m"))
        #expect(problem(404, page) == .misconfigured("Tryton has no such database"))
        #expect(problem(302, page) == .misconfigured("HTTP 302 to m"))
        #expect(problem(429, page) == .busy("HTTP 429 to m"))
        #expect(problem(503, page) == .busy("HTTP 503 to m"))
        #expect(problem(500, page) == .noAnswer("HTTP 500 to m"))
        #expect(problem(504, page) == .noAnswer("HTTP 504 to m"))
        #expect(problem(page) == .noAnswer("the answer to m is not JSON"))
        #expect(problem("[]") == .noAnswer("the answer to m is not JSON"))
        #expect(problem(#"{"id": 1}"#) == .noAnswer("the answer to m has no result"))
    }

    @Test func errorsSayWhatBecameOfTheCall() {
        #expect(
            problem(#"{"id":1,"error":["UserError",["You can\nnot","",null]]}"#) == .refused("You can not"))
        #expect(
            problem(#"{"id":1,"error":["UserWarning",["name","Really?","",null]]}"#) == .refused("Really?"))
        #expect(
            problem(#"{"id":1,"error":["ConcurrencyException","Record modified"]}"#)
                == .busy("somebody else changed the record"))
        #expect(
            problem(#"{"id":1,"error":["duplicate key value violates unique constraint \"x\"",""]}"#) == .duplicate)
        #expect(
            problem(#"{"id":1,"error":["could not serialize access due to concurrent update",""]}"#)
                == .busy("conflict in m"))
        #expect(problem(#"{"id":1,"error":["'NoneType' object",""]}"#) == .refused("m failed: 'NoneType' object"))
        #expect(problem(#"{"id":1,"error":"text"}"#) == .refused("m failed: "))
    }

    private func problem(_ text: String) -> TrytonProblem? { problem(200, text) }
}
