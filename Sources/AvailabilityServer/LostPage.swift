internal import Glibc
internal import Operations

/// SIGBUS: a page of the mapped data file is not there, since the file was cut off under the server or its disk cannot
/// read it. Nothing can be answered from there any more; the process says so and ends as a start that refuses the file.
enum LostPage {
    private static var reason: StaticString {
        "the data file cannot be read; stopping: it was cut off while in use, or its disk failed (SIGBUS)\n"
    }
    private static var reasonAsJSON: StaticString {
        """
        {"level":"critical","logger":"availability-server","message":"the data file cannot be read; stopping",\
        "reason":"it was cut off while in use, or its disk failed (SIGBUS)"}

        """
    }

    static func install(format: LogFormat) {
        // A handler may call only what is safe in the middle of anything: poll, write and _exit are.
        switch format {
        case .json: signal(SIGBUS) { _ in LostPage.end(telling: LostPage.reasonAsJSON) }
        case .text: signal(SIGBUS) { _ in LostPage.end(telling: LostPage.reason) }
        }
    }

    private static func end(telling text: StaticString) -> Never {
        // Not when nobody takes it: the process must end.
        var ready = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        if poll(&ready, 1, 0) == 1 { write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount) }
        _exit(Storage.exitStatus)
    }
}
