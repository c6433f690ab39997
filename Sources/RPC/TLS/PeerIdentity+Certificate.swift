import COpenSSL
import Calls

extension PeerIdentity {
    /// What the verified certificate of a finished handshake says; nil when the caller showed none.
    init?(connection: OpaquePointer) {
        guard unsafe SSL_get_verify_result(connection) == Int(X509_V_OK),
            let certificate = unsafe SSL_get1_peer_certificate(connection)
        else { return nil }
        defer { unsafe X509_free(certificate) }
        unsafe self.init(subject: Self.subject(certificate), alternativeNames: Self.alternativeNames(certificate))
    }

    private static func subject(_ certificate: OpaquePointer) -> String {
        guard let memory = unsafe BIO_new(BIO_s_mem()) else { return "" }
        defer { unsafe BIO_free(memory) }
        unsafe shim_print_name(memory, X509_get_subject_name(certificate))
        var count = 0
        guard let bytes = unsafe shim_memory_bytes(memory, &count), count > 0 else { return "" }
        return unsafe String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    private static func alternativeNames(_ certificate: OpaquePointer) -> [String] {
        guard let found = unsafe X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
        let names = OpaquePointer(found)
        defer { unsafe GENERAL_NAMES_free(names) }
        return unsafe (0..<shim_alternative_name_count(names)).compactMap { index in
            guard let name = unsafe shim_alternative_name(names, index),
                let bytes = unsafe ASN1_STRING_get0_data(name)
            else { return nil }
            let count = unsafe Int(ASN1_STRING_length(name))
            return unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
        }
    }
}
