import AdmixModel

/// What the copula does with a column of the training data.
enum ColumnTreatment: String, Hashable, Sendable, Codable {
  /// Numbers, dates and times.
  case numeric
  /// Categories, booleans and texts with few values; a missing value is a level of its own.
  case nominal
  /// Made fresh and unique.
  case key
  /// Drawn from the training values, unrelated to other columns.
  case resampled
}

/// Which columns are learned and how, from the schema and the options alone.
struct ColumnPlan {
  struct Entry {
    var index: Int
    var column: ColumnSchema
    var treatment: ColumnTreatment
  }

  var entries: [Entry] = []
  /// Names of columns that are not learned, with the reason.
  var leftOut: [(name: String, reason: String)] = []

  init(_ schema: Schema, text: TextPolicy) {
    for (index, column) in schema.columns.enumerated() {
      if Schema.isOrigin(column.name) { continue }
      if column.roles.contains(.id), [.int, .text, .category, .double].contains(column.type) {
        entries.append(Entry(index: index, column: column, treatment: .key))
      } else if column.roles.contains(.pii) {
        leftOut.append((column.name, "its role is pii"))
      } else if column.roles.contains(.ignore) {
        leftOut.append((column.name, "its role is ignore"))
      } else {
        switch column.type {
        case .int, .double, .date, .datetime:
          entries.append(Entry(index: index, column: column, treatment: .numeric))
        case .bool, .category:
          entries.append(Entry(index: index, column: column, treatment: .nominal))
        case .text:
          switch text {
          case .learn: entries.append(Entry(index: index, column: column, treatment: .nominal))
          case .resample:
            entries.append(Entry(index: index, column: column, treatment: .resampled))
          case .leaveOut: leftOut.append((column.name, "text is left out"))
          }
        }
      }
    }
  }

  /// The column as it comes out.
  static func output(_ entry: Entry) -> ColumnSchema {
    var column = entry.column
    if entry.treatment == .key, column.type == .category {
      column.type = .text
      column.categories = []
    }
    return column
  }

  var schema: Schema { Schema(entries.map(Self.output)) }
}

/// What is done with text columns.
enum TextPolicy: String, CaseIterable, Sendable {
  /// Texts with at most this many distinct values are learned like categories; more are an error.
  case learn
  case resample
  case leaveOut = "leave-out"

  static let learnedLevels = 1_000
  static let resampledLevels = 20_000
}
