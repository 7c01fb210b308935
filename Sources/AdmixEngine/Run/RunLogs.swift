/// Where a run keeps what foreign programs said.
package enum RunLogs {
  /// - Parameter store: the store's folder.
  package static func folder(of run: String, store: String) -> String {
    "\(store)/logs/\(run.prefix(8))"
  }

  /// The log of a stage; a name of a matrix, such as `fit[depth=3]`, becomes a plain file name.
  package static func path(of stage: String, in folder: String) -> String {
    let name = stage.map { character -> Character in
      character.isLetter || character.isNumber || "-_.=,[]".contains(character) ? character : "_"
    }
    return
      "\(folder)/\(String(String.UnicodeScalarView(String(name).unicodeScalars.prefix(120)))).log"
  }
}
