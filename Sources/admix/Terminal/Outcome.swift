import AdmixModel
import Foundation

/// How a command ends; the numbers are a contract with scripts (DESIGN: exit codes).
enum Outcome: Int32, Error {
  case done = 0
  case stageFailed = 1
  case usage = 2
  case specInvalid = 3
  case gateFailed = 4
  case stale = 5
  case storeUnusable = 6
  case inputMissing = 7
  case waitedTooLong = 8
  case interrupted = 130
}
