/// Something a task produced, named by the digest of its bytes.
package struct Artifact: Hashable, Sendable, Codable {
  package enum Kind: String, Sendable, Codable, CaseIterable {
    /// A dataset's manifest: schema and partitions, as JSON.
    case dataset
    /// One Arrow file.
    case partition
    case model
    /// Mergeable counts and sums of a partition.
    case statistics
    /// A `CheckReport`.
    case report
    /// A file for people or other programs: an export, a card.
    case file
  }

  package var kind: Kind
  package var digest: Digest
  package var bytes: Int
  /// Where rows can be counted.
  package var rows: Int?

  package init(kind: Kind, digest: Digest, bytes: Int, rows: Int? = nil) {
    self.kind = kind
    self.digest = digest
    self.bytes = bytes
    self.rows = rows
  }
}

/// A dataset: an immutable ordered list of partitions, with a schema.
package struct DatasetManifest: Hashable, Sendable, Codable {
  package var schema: Schema
  package var partitions: [Artifact]

  package init(schema: Schema, partitions: [Artifact]) {
    self.schema = schema
    self.partitions = partitions
  }

  package var rows: Int { partitions.reduce(0) { $0 + ($1.rows ?? 0) } }

  /// The first row number of each partition, and the total at the end.
  package var offsets: [Int] {
    var sum = 0
    return [0]
      + partitions.map { partition in
        sum += partition.rows ?? 0
        return sum
      }
  }
}
