internal import CSandbox

/// A program to run, and what it may do.
package struct ProcessRequest: Hashable, Sendable {
  /// The absolute path that is executed.
  package var program: String
  /// The zeroth included.
  package var arguments: [String]
  /// All there is: nothing of the caller's environment comes along by itself.
  package var environment: [String: String]
  /// Where it starts.
  package var folder: String
  /// Files and folders it may read and execute; what is not on this machine is left out.
  package var readable: [String] = []
  /// Folders whose names it may list, with those of the folders below, and not their contents.
  package var listable: [String] = []
  /// Files and folders it may write as well.
  package var writable: [String] = []
  package var allowsNetwork = false
  /// Off: it may do all that the user may.
  package var isSandboxed = true
  /// Off for tests of what is left where the kernel has no Landlock.
  package var usesLandlock = true
  package var limits = ProcessLimits()
  /// How long after SIGTERM comes SIGKILL.
  package var grace: Duration = .seconds(2)

  package init(
    program: String, arguments: [String], environment: [String: String], folder: String
  ) {
    self.program = program
    self.arguments = arguments
    self.environment = environment
    self.folder = folder
  }
}

/// What all the processes of a program may use; nil is no limit.
package struct ProcessLimits: Hashable, Sendable {
  /// Bytes that the processes have to themselves, together; the kernel refuses a single one twice as much.
  package var memory: Int?
  package var processes: Int?
  /// Bytes of one file.
  package var fileBytes: Int?
  package var openFiles: Int? = 4096

  package init() {}
}

/// How a program ended.
package struct ProcessOutcome: Hashable, Sendable {
  package enum Ending: Hashable, Sendable {
    case exited(Int)
    case signalled(Int)
    /// It had more memory than its limit.
    case outOfMemory
    /// There were more processes than its limit.
    case tooManyProcesses
    /// It could not be started: what did not work, and why.
    case notStarted(String, reason: String)
    /// Its launcher was ended from outside.
    case lost
  }

  package struct Denial: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
      case read, write, execute, network
      /// A folder listed, a device or a socket opened.
      case other
    }

    package var kind: Kind
    /// Absolute, without links; empty for the network.
    package var path: String

    package init(kind: Kind, path: String) {
      self.kind = kind
      self.path = path
    }
  }

  package var ending: Ending = .lost
  /// What was refused, in the order it was tried; each once, at most 32.
  package var denials: [Denial] = []
  package var sandbox = SandboxLevel()

  package init() {}
}

/// How far the kernel of this machine confines a program.
package struct SandboxLevel: Hashable, Sendable {
  package enum Network: Int, Sendable { case open, closedToTCP, closed }

  /// The version of Landlock; 0 where there is none, and files are not protected.
  package var landlock = 0
  /// Whether what is refused, or would be, is seen.
  package var isWatched = false
  package var network = Network.open

  package init() {}

  /// The same machine's answer before anything runs.
  package static var landlockVersion: Int { Int(admix_landlock_version()) }
}
