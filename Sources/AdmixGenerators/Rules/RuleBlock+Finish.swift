import AdmixData
import AdmixModel

extension RuleBlock {
  static func doubles(_ values: Values, _ count: Int) -> [Double?] {
    scalars(values, count).map {
      switch $0 {
      case .int(let value): Double(value)
      case .double(let value): value
      case .bool(let value): value ? 1 : 0
      case .null, .text: nil
      }
    }
  }

  static func scalars(_ values: Values, _ count: Int) -> [RuleColumn.Scalar] {
    switch values {
    case .scalars(let scalars): return scalars
    case .numbers(let numbers): return numbers.map { $0.map { .double($0) } ?? .null }
    case .wholes(let wholes): return wholes.map { $0.map { .int($0) } ?? .null }
    case .texts(let texts): return texts.map { .text($0) }
    case .column(let column):
      return (0..<count).map { index in
        if column.isMissing(index) { return .null }
        return switch column.values {
        case .bool(let bits): .bool(bits[index])
        case .int(let buffer), .datetime(let buffer): .int(buffer[index])
        case .double(let buffer): .double(buffer[index])
        case .text(let texts): .text(texts[index])
        case .category(let codes, let categories): .text(categories[Int(codes[index])])
        case .date(let days): .int(Int64(days[index]))
        }
      }
    }
  }

  /// Rounds, clips, drops the missing share, and gives the column its type.
  func finished(_ values: Values) -> Column {
    let scalars = Self.scalars(values, rows.count)
    var builder = ColumnBuilder(column.schema, capacity: rows.count)
    let codes = Dictionary(
      column.schema.categories.enumerated().map { ($0.element, Int32($0.offset)) },
      uniquingKeysWith: { first, _ in first })
    let missingTag = RandomSource.tag(column.schema.name + "\u{0}missing")
    for (index, scalar) in scalars.enumerated() {
      let isDropped =
        column.missingShare > 0
        && sampler.randoms[table].uniform(row: UInt64(rows[index]), tag: missingTag, draw: attempt)
          < column.missingShare
      if isDropped {
        builder.appendMissing()
        continue
      }
      switch (column.schema.type, scalar) {
      case (.bool, .bool(let value)): builder.append(bool: value)
      case (.bool, .double(let value)): builder.append(bool: value != 0)
      case (.int, .int(let value)): appendWhole(adjusted(Double(value)), exact: value, to: &builder)
      case (.int, .double(let value)):
        appendWhole(adjusted(value), exact: nil, to: &builder)
      case (.double, .int(let value)): builder.append(double: adjusted(Double(value)))
      case (.double, .double(let value)):
        if value.isFinite {
          builder.append(double: adjusted(value))
        } else {
          builder.appendMissing()
        }
      case (.date, .int(let value)):
        if let days = Int32(exactly: value) {
          builder.append(days: days)
        } else {
          builder.appendMissing()
        }
      case (.datetime, .int(let value)): builder.append(microseconds: value)
      case (.text, .text(let value)): builder.append(text: value)
      case (.category, .text(let value)):
        if let code = codes[value] { builder.append(code: code) } else { builder.appendMissing() }
      default: builder.appendMissing()
      }
    }
    return builder.finish()
  }

  private func adjusted(_ value: Double) -> Double {
    var value = value
    if let step = column.rounding {
      // A decimal step divides by its inverse, so that 0.1 gives the decimal it names.
      let inverse = (1 / step).rounded()
      value =
        step < 1 && abs(inverse * step - 1) < 1e-12
        ? (value * inverse).rounded() / inverse : (value / step).rounded() * step
    }
    if let bounds = column.bounds { value = min(bounds.upperBound, max(bounds.lowerBound, value)) }
    return value
  }

  private func appendWhole(_ value: Double, exact: Int64?, to builder: inout ColumnBuilder) {
    if let exact, column.rounding == nil, column.bounds == nil {
      builder.append(int: exact)
    } else if let whole = Int64(exactly: value.rounded()) {
      builder.append(int: whole)
    } else {
      builder.appendMissing()
    }
  }
}
