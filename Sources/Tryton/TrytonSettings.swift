#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Where the password is found. It is read at each login, so that it may change while we run, and kept nowhere.
public enum TrytonPassword: Sendable, Equatable {
    /// The name of an environment variable.
    case environment(String)
    /// The path of a file; white space around the password does not count.
    case file(String)
}

/// How one Tryton is reached, and what our locations are called there.
public struct TrytonSettings: Sendable, Equatable {
    /// Scheme, host and port, as `https://erp.example.com`; no credentials.
    public var url: String
    public var database: String
    /// A user of the server's own: what this user cancelled counts as let go by us, what others cancelled does not.
    public var user: String
    public var password: TrytonPassword
    /// The name of the company that the user works for.
    public var company: String
    /// The code of the party that our shipments are addressed to; it needs an address.
    public var customer: String
    /// The code of the warehouse for each of our location ids.
    public var warehouses: [String: String]
    /// How long one request may take. A reservation takes four.
    public var requestTimeoutSeconds: Int

    public init(
        url: String, database: String, user: String, password: TrytonPassword, company: String, customer: String,
        warehouses: [String: String], requestTimeoutSeconds: Int = 10
    ) {
        self.url = url
        self.database = database
        self.user = user
        self.password = password
        self.company = company
        self.customer = customer
        self.warehouses = warehouses
        self.requestTimeoutSeconds = requestTimeoutSeconds
    }

    /// What is wrong with the settings, a sentence each; empty: nothing that can be seen from here.
    public var problems: [String] {
        var problems: [String] = []
        let parts = URL(string: url)
        if parts?.scheme != "http" && parts?.scheme != "https" || (parts?.host ?? "").isEmpty {
            problems.append("url must be http:// or https://, and a host")
        }
        if url.contains("@") { problems.append("url must not contain credentials") }
        let required = [("database", database), ("user", user), ("company", company), ("customer", customer)]
        problems += required.filter { $0.1.isEmpty }.map { "\($0.0) is missing" }
        if warehouses.isEmpty { problems.append("warehouses names no location") }
        if Set(warehouses.values).count < warehouses.count { problems.append("two locations share a warehouse") }
        if !(1...300).contains(requestTimeoutSeconds) { problems.append("request timeout must be 1 to 300 seconds") }
        return problems
    }

    /// The address that all calls go to.
    var endpoint: String {
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        return "\(base)/\(database)/rpc/"
    }
}

extension TrytonPassword {
    func read() throws(TrytonProblem) -> String {
        let text: String?
        let source: String
        switch self {
        case .environment(let name):
            source = "the environment variable \(name)"
            text = ProcessInfo.processInfo.environment[name]
        case .file(let path):
            source = "the file \(path)"
            text = try? String(contentsOfFile: path, encoding: .utf8)
        }
        let start = (text ?? "").drop(while: \.isWhitespace)
        let password = String(start.reversed().drop(while: \.isWhitespace).reversed())
        guard !password.isEmpty else { throw .misconfigured("\(source) has no password") }
        return password
    }
}
