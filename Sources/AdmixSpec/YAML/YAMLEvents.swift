internal import CLibYAML

/// One event of libyaml's parser, with its place in scalars from the start of the text.
struct YAMLEvent {
  enum Kind {
    case documentStart, documentEnd, streamEnd
    case alias(String)
    case scalar(String, isPlain: Bool)
    case listStart, listEnd, mapStart, mapEnd
  }

  var kind: Kind
  var tag: String?
  var anchor: String?
  var start: Int
  var end: Int
}

/// Why libyaml could not go on.
struct YAMLProblem: Error {
  var fact: String
  var place: Int
  /// What it was busy with, and where that began.
  var context: String?
  var contextPlace: Int?
}

/// libyaml's event parser over a text in memory.
final class YAMLEvents {
  // Both are owned by this object, given back in `deinit` and never handed out.
  private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
  private let input: UnsafeMutableBufferPointer<UInt8>

  init(_ bytes: [UInt8]) {
    input = .allocate(capacity: max(1, bytes.count))
    _ = input.initialize(from: bytes.isEmpty ? [0x0A] : bytes)
    parser.initialize(to: yaml_parser_t())
    // It fails only when memory is out, where nothing sensible is left to do.
    precondition(yaml_parser_initialize(parser) == 1, "libyaml cannot make a parser")
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, input.baseAddress, input.count)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deinitialize(count: 1)
    parser.deallocate()
    input.deallocate()
  }

  func next() throws(YAMLProblem) -> YAMLEvent {
    while true {
      var raw = yaml_event_t()
      guard yaml_parser_parse(parser, &raw) == 1 else { throw problem() }
      defer { yaml_event_delete(&raw) }
      if let event = Self.event(raw) { return event }
    }
  }

  private static func event(_ raw: yaml_event_t) -> YAMLEvent? {
    var tag: String?
    var anchor: String?
    let kind: YAMLEvent.Kind
    switch raw.type {
    case YAML_DOCUMENT_START_EVENT: kind = .documentStart
    case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
    case YAML_STREAM_END_EVENT: kind = .streamEnd
    case YAML_ALIAS_EVENT: kind = .alias(text(raw.data.alias.anchor) ?? "")
    case YAML_SCALAR_EVENT:
      let scalar = raw.data.scalar
      tag = text(scalar.tag)
      anchor = text(scalar.anchor)
      // The length is told apart, as an escape may have put a NUL into the text.
      let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      kind = .scalar(
        String(decoding: bytes, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
    case YAML_SEQUENCE_START_EVENT:
      tag = text(raw.data.sequence_start.tag)
      anchor = text(raw.data.sequence_start.anchor)
      kind = .listStart
    case YAML_SEQUENCE_END_EVENT: kind = .listEnd
    case YAML_MAPPING_START_EVENT:
      tag = text(raw.data.mapping_start.tag)
      anchor = text(raw.data.mapping_start.anchor)
      kind = .mapStart
    case YAML_MAPPING_END_EVENT: kind = .mapEnd
    default: return nil
    }
    return YAMLEvent(
      kind: kind, tag: tag, anchor: anchor, start: Int(raw.start_mark.index),
      end: Int(raw.end_mark.index))
  }

  private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    pointer.map { String(cString: UnsafePointer($0)) }
  }

  private func problem() -> YAMLProblem {
    let state = parser.pointee
    return YAMLProblem(
      fact: state.problem.map { String(cString: $0) } ?? "not valid YAML",
      place: Int(state.problem_mark.index),
      context: state.context.map { String(cString: $0) },
      contextPlace: state.context == nil ? nil : Int(state.context_mark.index))
  }
}
