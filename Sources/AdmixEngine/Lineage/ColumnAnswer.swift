import AdmixModel

extension LineageMap {
  private struct Place: Hashable {
    var stage: String
    var output: String
    /// Nil for the table as a whole.
    var column: String?
  }

  /// Which columns a column was made from, or which were made from it.
  ///
  /// Columns that only decide (filters, sorting, conditions, learned association) are named, and
  /// followed further only where asked for: almost everything decides about almost everything.
  package func columns(
    _ direction: LineageAnswer.Direction, of stage: String, output: String, column: String,
    followsIndirect: Bool
  ) -> LineageAnswer {
    let start = Place(stage: stage, output: output, column: column)
    var answer = LineageAnswer(direction, from: node(start))
    var open = [start]
    var done: Set<Place> = []
    while let place = open.popLast() {
      guard done.insert(place).inserted else { continue }
      switch direction {
      case .up: usedBy(place, &answer, &open, followsIndirect)
      case .down: using(place, &answer, &open, followsIndirect)
      }
    }
    return answer
  }

  private func usedBy(
    _ place: Place, _ answer: inout LineageAnswer, _ open: inout [Place], _ followsIndirect: Bool
  ) {
    let here = answer.add(node(place)).position
    guard let stage = self[place.stage],
      let table = columns(of: place.stage)?.tables[place.output]
    else {
      answer.untold[here] = silence(of: place.stage)
      return
    }
    let uses = (place.column.flatMap { table.columns[$0] } ?? []) + table.whole
    for use in uses {
      let isIndirect = !use.how.isDirect
      switch use.source {
      case .files:
        let file = answer.add(
          .fileColumn(
            stage: stage.name, files: stage.sources.map(\.name), name: use.column))
        answer.connect(file.position, here, "file", use: use, isIndirect: isIndirect)
      case .own, .output, .input:
        guard let (from, role) = origin(of: use, place, stage) else { continue }
        let next = answer.add(node(from))
        answer.connect(next.position, here, role, use: use, isIndirect: isIndirect)
        if !isIndirect || followsIndirect { open.append(from) }
      }
    }
  }

  private func origin(of use: ColumnLineage.Use, _ place: Place, _ stage: StageRecord)
    -> (Place, String)?
  {
    let role: String
    switch use.source {
    case .own, .files:
      return (Place(stage: place.stage, output: place.output, column: use.column), "row")
    case .output(let output):
      return (Place(stage: place.stage, output: output, column: use.column), "table")
    case .input(let name): role = name
    }
    guard let input = stage.inputs.first(where: { $0.role == role }) else { return nil }
    return (Place(stage: input.stage, output: input.output, column: use.column), role)
  }

  private func using(
    _ place: Place, _ answer: inout LineageAnswer, _ open: inout [Place], _ followsIndirect: Bool
  ) {
    let here = answer.add(node(place)).position
    for (stage, roles) in users(of: place) {
      guard let lineage = columns(of: stage.name) else {
        // What it does with the column nobody knows; it may be anything.
        guard stage.name != place.stage else { continue }
        for output in stage.outputs {
          let whole = Place(stage: stage.name, output: output, column: nil)
          let next = answer.add(node(whole))
          answer.untold[next.position] = silence(of: stage.name)
          for role in roles.values.sorted() { answer.connect(here, next.position, role) }
          if followsIndirect { open.append(whole) }
        }
        continue
      }
      for (output, table) in lineage.tables.sorted(by: { $0.key < $1.key }) {
        // Columns in the order of the table, where its schema is known.
        let order = schemas(of: stage.name)[output]?.names ?? table.columns.keys.sorted()
        let found: [(String?, [ColumnLineage.Use])] =
          order.map { ($0, table.columns[$0] ?? []) } + [(nil, table.whole)]
        for (column, uses) in found {
          for use in uses where use.column == place.column || place.column == nil {
            guard let role = roles[use.source],
              use.source != .own || output == place.output
            else { continue }
            let to = Place(stage: stage.name, output: output, column: column)
            if to == place { continue }
            let next = answer.add(node(to))
            let isIndirect = !use.how.isDirect
            answer.connect(here, next.position, role, use: use, isIndirect: isIndirect)
            if !isIndirect || followsIndirect { open.append(to) }
          }
        }
        for delivery in deliveries[stage.name] ?? []
        where output == "file" && delivery.artifact == stage.artifacts["file"] {
          let column = Place(stage: stage.name, output: output, column: place.column)
          guard answer.contains(node(column)) else { continue }
          let file = answer.add(.delivery(path: delivery.path, digest: delivery.artifact.digest))
          answer.connect(answer.add(node(column)).position, file.position, "writes")
        }
      }
    }
  }

  /// The stages that read a table, and the table's own stage, with the roles it has there.
  private func users(of place: Place) -> [(StageRecord, [ColumnLineage.Source: String])] {
    var users: [(StageRecord, [ColumnLineage.Source: String])] = []
    if let own = self[place.stage] {
      users.append((own, [.own: "row", .output(place.output): "table"]))
    }
    for user in consumers(of: place.stage) {
      var roles: [ColumnLineage.Source: String] = [:]
      for input in user.inputs where input.stage == place.stage && input.output == place.output {
        roles[.input(input.role)] = input.role
      }
      if !roles.isEmpty { users.append((user, roles)) }
    }
    return users
  }

  private func node(_ place: Place) -> LineageAnswer.Node {
    let schema = schemas(of: place.stage)[place.output]
    guard let column = place.column else {
      let columns = columns(of: place.stage)?.tables[place.output]?.columns
      return .whole(
        stage: place.stage, output: place.output,
        isTable: schema != nil || columns?.isEmpty == false)
    }
    return .column(
      stage: place.stage, output: place.output, name: column, type: schema?[column]?.type)
  }
}
