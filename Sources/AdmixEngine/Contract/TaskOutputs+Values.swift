import AdmixModel
import Foundation
import Synchronization

extension [TaskOutputs] {
  /// The values of all, read on all cores where there are many.
  package func values<Value: Decodable & Sendable>(_ type: Value.Type) throws -> [Value] {
    let portion = 1024
    if count <= portion { return try map { try $0.value.decoded(type) } }
    let portions = (count + portion - 1) / portion
    let read = Mutex<[Int: Result<[Value], any Error>]>([:])
    DispatchQueue.concurrentPerform(iterations: portions) { index in
      let some = self[(index * portion)..<Swift.min((index + 1) * portion, count)]
      let values = Result { try some.map { try $0.value.decoded(type) } }
      read.withLock { $0[index] = values }
    }
    let all = read.withLock { $0 }
    return try (0..<portions).flatMap { try all[$0]?.get() ?? [] }
  }
}
