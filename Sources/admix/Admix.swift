import ArgumentParser

@main
struct Admix: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "admix")
}
