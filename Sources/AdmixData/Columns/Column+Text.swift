extension Column.Values {
  /// A value that is not missing, as people write it: numbers in their shortest digits, dates and times
  /// as `2024-12-31` and `2024-12-31T23:59:59`; −0 is 0, as it is when values are compared.
  package func text(_ row: Int) -> String {
    switch self {
    case .bool(let bits): bits[row] ? "true" : "false"
    case .int(let buffer): String(buffer[row])
    case .double(let buffer): "\(buffer[row] + 0)"
    case .text(let texts): texts[row]
    case .category(let codes, let categories): categories[Int(codes[row])]
    case .date(let days): CivilDate.text(days: Int(days[row]))
    case .datetime(let instants): CivilDate.text(microseconds: instants[row])
    }
  }
}

extension Column {
  /// The same of a column.
  package func text(_ row: Int) -> String { values.text(row) }
}
