package import AdmixModel

// Foundation has a type of this name too.
package typealias Measurement = AdmixModel.Measurement
