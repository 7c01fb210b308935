package import AdmixModel

/// Where rows came from and what became of them, as the present results in the store tell.
///
/// Row numbers are counted from 1. Numbers of rows are exact; lists of them may be cut short.
package struct Trace: Hashable, Sendable, Codable {
  /// Some rows of a dataset or file.
  package struct Rows: Hashable, Sendable, Codable {
    package var count: Int
    /// The first of them, ascending.
    package var numbers: [Int]

    package init(count: Int = 0, numbers: [Int] = []) {
      self.count = count
      self.numbers = numbers
    }
  }

  /// What rows of a dataset have to do with the rows that are traced.
  package struct Share: Hashable, Sendable, Codable {
    /// Made of them.
    package var holds = Rows()
    /// Made by a model that learned from them, or from rows that did.
    package var learned = Rows()
    /// Made by a step that does not tell rows apart, from a dataset that has some of these.
    package var unclear = Rows()

    package var isNothing: Bool { holds.count == 0 && learned.count == 0 && unclear.count == 0 }
  }

  package struct Subject: Hashable, Sendable, Codable {
    package enum Kind: String, Sendable, Codable { case source, dataset, export }

    package var kind: Kind
    package var name: String
    package var rows: Rows
    /// The first of them, where the subject is a source: file, row and line.
    package var records: [Place] = []
    /// Rows of a source that no dataset has: left out when the file was read, or beyond its end.
    package var without: [Int]
  }

  /// A row on its way back; the last place is where it came from.
  package struct Place: Hashable, Sendable, Codable {
    package enum Kind: String, Sendable, Codable {
      case export, dataset, source
      /// Made by a model, `learned` tells from what.
      case synthetic
      /// Made by rules, from nothing.
      case made
      /// It goes no further, `because` tells why.
      case unclear
    }

    package var kind: Kind
    /// A file, or a stage with its output.
    package var name: String
    package var row: Int?
    package var line: Int?
    package var because: String?
  }

  package struct Dataset: Hashable, Sendable, Codable {
    package var name: String
    package var stage: String
    package var output: String
    package var of: Int
    package var share: Share
    /// The partitions with rows that hold.
    package var partitions: [Artifact]
  }

  package struct Model: Hashable, Sendable, Codable {
    package var name: String
    package var stage: String
    package var artifact: Artifact
    /// What it learned from, and what of that these rows are.
    package var from: String
    package var share: Share
  }

  package struct Check: Hashable, Sendable, Codable {
    package var stage: String
    package var kind: String
    package var artifact: Artifact
    /// By what it read.
    package var inputs: [String: Share]
  }

  package struct Export: Hashable, Sendable, Codable {
    package var stage: String
    package var path: String
    package var artifact: Artifact
    package var of: Int
    package var share: Share
    /// The file beside the project is what was exported.
    package var isCurrent: Bool
    /// Paths of what was written beside it, such as a card, which tells of all rows together.
    package var beside: [String]
  }

  /// What a model that made rows learned from.
  package struct Learning: Hashable, Sendable, Codable {
    package var stage: String
    package var from: String
    package var rows: Int
    package var sources: [String]
  }

  /// Where the traces end too early.
  package struct Gap: Hashable, Sendable, Codable {
    package var stage: String
    package var because: String
  }

  package var subject: Subject
  /// Of the first rows, from the subject to where they came from; empty where the subject is a source.
  package var back: [[Place]] = []
  package var learning: [Learning] = []
  package var datasets: [Dataset] = []
  package var models: [Model] = []
  package var checks: [Check] = []
  package var exports: [Export] = []
  package var gaps: [Gap] = []
}

/// A column that has to have a value.
package struct TraceCondition: Sendable {
  package var column: String
  /// As people write it; empty for a missing value.
  package var value: String

  package init(column: String, value: String) {
    self.column = column
    self.value = value
  }

  /// From `column=value`; nil where there is no `=`.
  package init?(_ text: some StringProtocol) {
    guard let mark = text.firstIndex(of: "="), mark > text.startIndex else { return nil }
    column = String(text[..<mark])
    value = String(text[text.index(after: mark)...])
  }
}

/// Which rows are meant: all that are named and, where there are conditions, all that meet them all.
package struct TraceQuestion: Sendable {
  /// A source file, a stage with or without an output, or an exported file.
  package var what: String
  /// Where relative paths may start from, beside the pipeline's folder.
  package var folder: String
  /// Counted from 1.
  package var rows: [Int]
  package var conditions: [TraceCondition]
  /// How many row numbers are listed of each thing, and how many rows are followed back.
  package var limit: Int

  package init(
    what: String, folder: String, rows: [Int], conditions: [TraceCondition], limit: Int
  ) {
    self.what = what
    self.folder = folder
    self.rows = rows
    self.conditions = conditions
    self.limit = limit
  }
}
