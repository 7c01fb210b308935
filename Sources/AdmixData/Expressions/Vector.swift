import AdmixModel

/// The values of an expression for the rows of a batch.
struct Vector {
  enum Payload {
    case bool([Bool])
    case int([Int64])
    case double([Double])
    case text([String])
    /// Texts by code: what is done to them is done once for each category.
    case codes([Int32], [String])
    case date([Int32])
    case datetime([Int64])
  }

  var payload: Payload
  /// False where a value is missing; nil when none is.
  var valid: [Bool]?

  init(_ payload: Payload, valid: [Bool]? = nil) {
    self.payload = payload
    self.valid = valid
  }

  init(_ column: Column) {
    let count = column.count
    if let bits = column.validity {
      valid = (0..<count).map { bits[$0] }
    }
    switch column.values {
    case .bool(let bits): payload = .bool((0..<count).map { bits[$0] })
    case .int(let buffer): payload = .int(buffer.array)
    case .double(let buffer):
      let numbers = buffer.array
      payload = .double(numbers)
      // Files of other programs may hold NaN where a value is missing.
      if numbers.contains(where: \.isNaN) {
        let known = valid
        valid = numbers.indices.map { !numbers[$0].isNaN && known?[$0] != false }
      }
    case .text(let texts):
      // The bytes at a missing place are unspecified.
      let valid = valid
      payload = .text((0..<count).map { valid?[$0] == false ? "" : texts[$0] })
    case .category(let codes, let categories): payload = .codes(codes.array, categories)
    case .date(let buffer): payload = .date(buffer.array)
    case .datetime(let buffer): payload = .datetime(buffer.array)
    }
  }

  /// Where both are there.
  static func bothValid(_ a: Vector, _ b: Vector) -> [Bool]? {
    switch (a.valid, b.valid) {
    case (nil, nil): nil
    case (let valid?, nil), (nil, let valid?): valid
    case (let x?, let y?): zip(x, y).map { $0 && $1 }
    }
  }

  /// Numbers as doubles; other kinds have been refused when types were checked.
  var doubles: [Double] {
    switch payload {
    case .double(let values): values
    case .int(let values): values.map(Double.init)
    case .bool(let values): values.map { $0 ? 1 : 0 }
    case .date(let values): values.map(Double.init)
    case .datetime(let values): values.map(Double.init)
    case .text, .codes: []
    }
  }

  var texts: [String] {
    switch payload {
    case .text(let values): values
    case .codes(let codes, let categories):
      codes.map { categories.indices.contains(Int($0)) ? categories[Int($0)] : "" }
    default: []
    }
  }

  var bools: [Bool] { if case .bool(let values) = payload { values } else { [] } }

  /// Microseconds since 1970 of dates and times; of dates some 290,000 years away, the last there is.
  var instants: [Int64] {
    switch payload {
    case .datetime(let values): values
    case .date(let values): values.map { CivilDate.midnight(Int64($0)) ?? ($0 < 0 ? .min : .max) }
    default: []
    }
  }

  /// Days since 1970 of dates and times.
  var days: [Int64] {
    switch payload {
    case .datetime(let values): values.map(CivilDate.day)
    case .date(let values): values.map(Int64.init)
    default: []
    }
  }

  /// Something of every text, worked out once for each category where there are categories.
  func mapTexts<Value>(_ fallback: Value, _ body: (String) -> Value) -> [Value] {
    if case .codes(let codes, let categories) = payload {
      let table = categories.map(body)
      return codes.map { table.indices.contains(Int($0)) ? table[Int($0)] : fallback }
    }
    let valid = valid
    return texts.enumerated().map { valid?[$0.offset] == false ? fallback : body($0.element) }
  }

  func column(_ count: Int) -> Column {
    let bitmap = valid.flatMap { valid in
      valid.contains(false) ? Bitmap(count: count) { valid[$0] } : nil
    }
    return switch payload {
    case .bool(let values): Column(.bool(Bitmap(count: count) { values[$0] }), validity: bitmap)
    case .int(let values): Column(.int(Buffer(values)), validity: bitmap)
    case .double(let values): Column(.double(Buffer(values)), validity: bitmap)
    case .text(let values): Column(.text(TextBuffer(values)), validity: bitmap)
    case .codes: Column(.text(TextBuffer(texts)), validity: bitmap)
    case .date(let values): Column(.date(Buffer(values)), validity: bitmap)
    case .datetime(let values): Column(.datetime(Buffer(values)), validity: bitmap)
    }
  }
}
