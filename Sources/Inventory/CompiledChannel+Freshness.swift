extension CompiledChannel {
    /// Whether the location's figures count in the channel's answers.
    public func sells(from location: LocationNumber) -> Bool {
        isEligible(location) && directory.isActive(location)
    }

    /// The age beyond which figures of the sku at the location are stale for the channel; nil: they never are.
    public func staleAfterNanoseconds(sku: String, location: LocationNumber) -> Int64? {
        var sku = sku
        let own = sku.withUTF8 { terms(sku: UnsafeRawBufferPointer($0), location: location) }?.staleAfterNanoseconds
        return own.flatMap { $0 > 0 ? $0 : nil }
    }

    /// No figures that are younger are stale for the channel; nil: none ever are.
    public var shortestStaleAfterNanoseconds: Int64? {
        let overrides = channel.policy.overrides.compactMap(\.staleAfterNanoseconds)
        return ([channel.policy.terms.staleAfterNanoseconds] + overrides).filter { $0 > 0 }.min()
    }
}
