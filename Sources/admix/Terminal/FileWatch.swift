import AdmixStore
import Foundation

/// Notices that files change, come or go.
///
/// What counts is what the kernel says of the files now against what it said before; inotify only says
/// when to look. Where it cannot be had, as on a network file system, one looks every half second.
struct FileWatch {
  /// What is there of those files that are there.
  typealias Marks = [String: FileIdentity]

  private let files: () -> Set<String>
  private var marks: Marks

  /// - Parameter files: the files to watch, absolute; asked each time, since folders gain and lose some.
  init(_ files: @escaping () -> Set<String>) {
    self.files = files
    marks = Self.marks(files())
  }

  var count: Int { marks.count }

  private static func marks(_ files: Set<String>) -> Marks {
    var marks: Marks = [:]
    for file in files { marks[file] = FileIdentity(path: file) }
    return marks
  }

  /// Waits until something has changed and nothing more does, and says what, sorted; nil when it is to
  /// stop.
  mutating func change(_ wantsToStop: () -> Bool) -> [String]? {
    let notices = Notices(folders: Set(files().map(Self.folder)))
    while !wantsToStop() {
      let now = Self.marks(files())
      if now == marks {
        notices.wait(wantsToStop)
        continue
      }
      let settled = settle(now, wantsToStop)
      defer { marks = settled }
      let names = Set(settled.keys).union(marks.keys)
      // It may be as it was again.
      let changed = names.filter { settled[$0] != marks[$0] }.sorted()
      if !changed.isEmpty { return changed }
    }
    return nil
  }

  /// An editor writes a file in several steps, and a copy of a folder takes its time; one that is written
  /// to without end is not waited for.
  private func settle(_ first: Marks, _ wantsToStop: () -> Bool) -> Marks {
    var last = first
    for _ in 0..<50 where !wantsToStop() {
      usleep(200_000)
      let now = Self.marks(files())
      if now == last { break }
      last = now
    }
    return last
  }

  private static func folder(_ path: String) -> String {
    (path as NSString).deletingLastPathComponent
  }
}

/// Wakes when something happens in some folders (inotify(7)).
private final class Notices {
  private let descriptor: Int32

  init(folders: Set<String>) {
    descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
    if descriptor < 0 { return }
    let what = UInt32(
      IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
    for folder in folders { _ = inotify_add_watch(descriptor, folder, what) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// At most half a second: folders that no notice comes from are looked at as well.
  func wait(_ wantsToStop: () -> Bool) {
    for _ in 0..<5 where !wantsToStop() {
      guard descriptor >= 0 else {
        usleep(100_000)
        continue
      }
      var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if poll(&wait, 1, 100) > 0 {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while read(descriptor, &buffer, buffer.count) > 0 {}
        return
      }
    }
  }
}
