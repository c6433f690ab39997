/// A file given to a command that it cannot use.
struct InputError: Error, CustomStringConvertible {
    let description: String
}
