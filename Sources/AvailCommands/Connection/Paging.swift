import Proto
import SwiftProtobuf

/// Asks for a page of a list.
protocol ListRequest: Message {
    var pageSize: Int32 { get set }
    var pageToken: String { get set }
}

/// A page of a list.
protocol ListResponse: Message {
    var nextPageToken: String { get }
}

enum Paging {
    /// The server's limit for one page.
    static let pageSizeMax = 1_000

    /// Fetches page after page until there are no more, or enough; then says that there are more.
    ///
    /// - Parameters:
    ///   - limit: at most so many entries; 0: all.
    ///   - body: says how many entries the page had.
    static func forEachPage<Request: ListRequest, Response: ListResponse>(
        of request: Request, limit: Int = 0, fetch: (Request) async throws -> Response,
        _ body: (Response) async throws -> Int
    ) async throws {
        var request = request
        var count = 0
        repeat {
            guard limit == 0 || count < limit else {
                return Diagnostics.write("there are more than \(limit): see --limit")
            }
            request.pageSize = Int32(limit == 0 ? pageSizeMax : min(limit - count, pageSizeMax))
            let page = try await fetch(request)
            count += try await body(page)
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
    }
}

extension ClientCommand {
    /// Fetches a list page by page and writes it: as JSON a page a line, or as one table at its end.
    func writeList<Request: ListRequest, Response: ListResponse, Entry>(
        _ request: Request, limit: Int = 0, _ entries: KeyPath<Response, [Entry]>, _ table: ([Entry]) -> TextTable,
        fetch: (Request) async throws -> Response
    ) async throws {
        var all: [Entry] = []
        try await Paging.forEachPage(of: request, limit: limit, fetch: fetch) { page in
            if client.output == .json { try Output.write(page) }
            all += page[keyPath: entries]
            return page[keyPath: entries].count
        }
        if client.output == .table { try Output.write(table(all)) }
    }
}

extension Availability_V1_ListAuditEntriesRequest: ListRequest {}
extension Availability_V1_ListAuditEntriesResponse: ListResponse {}
extension Availability_V1_ListChannelsRequest: ListRequest {}
extension Availability_V1_ListChannelsResponse: ListResponse {}
extension Availability_V1_ListDeadLettersRequest: ListRequest {}
extension Availability_V1_ListDeadLettersResponse: ListResponse {}
extension Availability_V1_ListErpWritesRequest: ListRequest {}
extension Availability_V1_ListErpWritesResponse: ListResponse {}
extension Availability_V1_ListPublicationsRequest: ListRequest {}
extension Availability_V1_ListPublicationsResponse: ListResponse {}
extension Availability_V1_ListReservationsRequest: ListRequest {}
extension Availability_V1_ListReservationsResponse: ListResponse {}
extension Availability_V1_ListSourcesRequest: ListRequest {}
extension Availability_V1_ListSourcesResponse: ListResponse {}
extension Availability_V1_ListStalePositionsRequest: ListRequest {}
extension Availability_V1_ListStalePositionsResponse: ListResponse {}
extension Availability_V1_ListVariancesRequest: ListRequest {}
extension Availability_V1_ListVariancesResponse: ListResponse {}
