extension SimulationModel {
  /// All programs, so that a run can make room for them.
  var programs: [Program] {
    var all: [Program?] = tables.flatMap { [$0.when] + $0.columns.map(\.program) }
    for kind in kinds {
      all.append(kind.arrivals)
      all += (kind.initial + kind.step).map(\.program)
      for state in kind.states {
        all += [
          state.priority, state.patience, state.stay, state.order?.price, state.order?.quantity,
        ]
        if case .computed(let program) = state.order?.side { all.append(program) }
        all += state.set.map(\.program)
        for transition in state.next { all += [transition.when, transition.value] }
      }
    }
    return all.compactMap { $0 }
  }
}
