internal import Calls
internal import Foundation
internal import Proto
internal import SwiftProtobuf

/// grpc.reflection.v1 and v1alpha, so that grpcurl and the like need no proto files. The two versions differ in the
/// package name only, so one implementation serves both.
/// Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
struct ReflectionService {
    static let names = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]

    private let index: ReflectionIndex

    /// `services` are the full names that ListServices answers with.
    init(services: [String]) {
        index = ReflectionIndex(services: services + Self.names)
    }

    var methods: [ServiceMethod] {
        Self.names.map { name in
            let descriptor = MethodDescriptor(service: name, name: "ServerReflectionInfo", kind: .bidirectional)
            return ServiceMethod(descriptor) { [index] _, _, sink in
                ReflectionReceiver(index: index, sink: sink)
            }
        }
    }
}

/// One reflection stream: each request answered by one response, in order.
private final class ReflectionReceiver: CallReceiver {
    private let index: ReflectionIndex
    private let sink: any ResponseSink
    private var isPaused = false

    init(index: ReflectionIndex, sink: any ResponseSink) {
        self.index = index
        self.sink = sink
    }

    func receive(_ message: [UInt8]) -> ReadDecision {
        do throws(CallStatus) {
            let request = try decode(Grpc_Reflection_V1_ServerReflectionRequest.self, from: message)
            let bytes: [UInt8]? = try? index.answer(request).serializedBytes()
            guard let bytes else { throw .failure(.internalError, .internalFault, "the reply could not be serialized") }
            sink.send(bytes)
        } catch {
            sink.finish(error)
            return .more
        }
        isPaused = !sink.isWritable
        return isPaused ? .pause : .more
    }

    func endOfMessages() {
        sink.finish(.ok)
    }

    func writable() {
        guard isPaused else { return }
        isPaused = false
        sink.resumeReading()
    }

    func cancelled(_ reason: CancelReason) {}
}

/// The compiled-in descriptors by file and by symbol. Made once, read only.
private final class ReflectionIndex: Sendable {
    private let services: [String]
    /// File name → serialized descriptor and the files it imports.
    private let files: [String: (bytes: [UInt8], imports: [String])]
    /// Fully qualified symbol → the file that defines it.
    private let symbols: [String: String]

    init(services: [String]) {
        self.services = services.sorted()
        var files: [String: (bytes: [UInt8], imports: [String])] = [:]
        var symbols: [String: String] = [:]
        let set = try? Google_Protobuf_FileDescriptorSet(serializedBytes: DescriptorSet.bytes())
        precondition(set != nil, "the compiled-in descriptor set is damaged")
        for file in set?.file ?? [] {
            let bytes: [UInt8] = (try? file.serializedBytes()) ?? []
            files[file.name] = (bytes, file.dependency)
            for symbol in Self.symbols(of: file) { symbols[symbol] = file.name }
        }
        self.files = files
        self.symbols = symbols
    }

    func answer(_ request: Grpc_Reflection_V1_ServerReflectionRequest) -> Grpc_Reflection_V1_ServerReflectionResponse {
        var response = Grpc_Reflection_V1_ServerReflectionResponse()
        response.validHost = request.host
        response.originalRequest = request
        switch request.messageRequest {
        case .fileByFilename(let name):
            response.messageResponse = filesResponse(startingAt: files[name] == nil ? nil : name, asked: name)
        case .fileContainingSymbol(let symbol):
            response.messageResponse = filesResponse(startingAt: symbols[symbol], asked: symbol)
        case .fileContainingExtension(let asked):
            response.messageResponse = notFound("\(asked.containingType) has no extension \(asked.extensionNumber)")
        case .allExtensionNumbersOfType(let type):
            guard symbols[type] != nil else {
                response.messageResponse = notFound("there is no type \(type)")
                break
            }
            var numbers = Grpc_Reflection_V1_ExtensionNumberResponse()
            numbers.baseTypeName = type
            response.messageResponse = .allExtensionNumbersResponse(numbers)
        case .listServices:
            var list = Grpc_Reflection_V1_ListServiceResponse()
            list.service = services.map { name in
                var service = Grpc_Reflection_V1_ServiceResponse()
                service.name = name
                return service
            }
            response.messageResponse = .listServicesResponse(list)
        case nil:
            var error = Grpc_Reflection_V1_ErrorResponse()
            error.errorCode = Int32(StatusCode.invalidArgument.rawValue)
            error.errorMessage = "message_request: one of its fields is required"
            response.messageResponse = .errorResponse(error)
        }
        return response
    }

    /// The file and everything it imports, so that a client can build it without asking again.
    private func filesResponse(
        startingAt first: String?, asked: String
    ) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse {
        guard let first else { return notFound("there is no file or symbol \(asked)") }
        var found = Grpc_Reflection_V1_FileDescriptorResponse()
        var waiting = [first]
        var seen: Set<String> = [first]
        while let name = waiting.popLast() {
            guard let file = files[name] else { continue }
            found.fileDescriptorProto.append(contentsOf: [.init(file.bytes)])
            for imported in file.imports where seen.insert(imported).inserted { waiting.append(imported) }
        }
        return .fileDescriptorResponse(found)
    }

    private func notFound(_ text: String) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse {
        var error = Grpc_Reflection_V1_ErrorResponse()
        error.errorCode = Int32(StatusCode.notFound.rawValue)
        error.errorMessage = text
        return .errorResponse(error)
    }

    private static func symbols(of file: Google_Protobuf_FileDescriptorProto) -> [String] {
        let prefix = file.package.isEmpty ? "" : file.package + "."
        var found: [String] = []
        for service in file.service {
            found.append(prefix + service.name)
            found += service.method.map { "\(prefix)\(service.name).\($0.name)" }
        }
        for message in file.messageType { found += symbols(of: message, prefix: prefix) }
        for type in file.enumType { found += symbols(of: type, prefix: prefix) }
        return found
    }

    private static func symbols(of message: Google_Protobuf_DescriptorProto, prefix: String) -> [String] {
        let name = prefix + message.name
        var found = [name]
        found += message.field.map { "\(name).\($0.name)" }
        for nested in message.nestedType { found += symbols(of: nested, prefix: name + ".") }
        for type in message.enumType { found += symbols(of: type, prefix: name + ".") }
        return found
    }

    private static func symbols(of type: Google_Protobuf_EnumDescriptorProto, prefix: String) -> [String] {
        // Enum values are siblings of their type in protobuf's naming.
        [prefix + type.name] + type.value.map { prefix + $0.name }
    }
}
