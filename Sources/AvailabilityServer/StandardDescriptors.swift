internal import Glibc

/// The three descriptors that every program finds open, and some callers close.
enum StandardDescriptors {
    /// Opens those that are closed on /dev/null. Otherwise the next file opened would get their numbers, and a line meant
    /// for standard error would be written into the store. Call first.
    static func open() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is this one: those below are open.
            _ = Glibc.open("/dev/null", O_RDWR)
        }
    }
}
