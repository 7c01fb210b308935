/// The standard normal distribution, with the same bits on every machine.
package enum NormalDistribution {
  /// φ(z), 0 at both infinities.
  package static func density(_ z: Double) -> Double {
    z.isInfinite ? 0 : PortableMath.exp(-0.5 * z * z) * 0.398942280401432677939946
  }

  /// Φ(z), the probability below z.
  ///
  /// Cody, "Rational Chebyshev approximations for the error function" (Mathematics of Computation 23,
  /// 1969), as arranged in his ANORM; relative error below 1e-14 in the lower tail.
  package static func cumulative(_ z: Double) -> Double {
    if z.isNaN { return z }
    let y = z.magnitude
    if y > 38.6 { return z > 0 ? 1 : 0 }
    if y <= 0.67448975 {
      let s = z * z
      var a = 0.065682337918207449113 * s + 2.2352520354606839287
      a = a * s + 161.02823106855587881
      a = a * s + 1067.6894854603709582
      a = a * s + 18154.981253343561249
      var b = s + 47.20258190468824187
      b = b * s + 976.09855173777669322
      b = b * s + 10260.932208618978205
      b = b * s + 45507.789335026729956
      return 0.5 + z * a / b
    }
    var tail: Double
    if y <= 5.656854249492380195 {
      var c = 1.0765576773720192317e-8 * y + 0.39894151208813466764
      c = c * y + 8.8831497943883759412
      c = c * y + 93.506656132177855979
      c = c * y + 597.27027639480026226
      c = c * y + 2494.5375852903726711
      c = c * y + 6848.1904505362823326
      c = c * y + 11602.651437647350124
      c = c * y + 9842.7148383839780218
      var d = y + 22.266688044328115691
      d = d * y + 235.38790178262499861
      d = d * y + 1519.377599407554805
      d = d * y + 6485.558298266760755
      d = d * y + 18615.571640885098091
      d = d * y + 34900.952721145977266
      d = d * y + 38912.003286093271411
      d = d * y + 19685.429676859990727
      tail = PortableMath.exp(-0.5 * y * y) * c / d
    } else {
      let s = 1 / (y * y)
      var p = 0.02307344176494017303 * s + 0.21589853405795699
      p = p * s + 0.1274011611602473639
      p = p * s + 0.022235277870649807
      p = p * s + 0.001421619193227893466
      p = p * s + 2.9112874951168792e-5
      var q = s + 1.28426009614491121
      q = q * s + 0.468238212480865118
      q = q * s + 0.0659881378689285515
      q = q * s + 0.00378239633202758244
      q = q * s + 7.29751555083966205e-5
      // y² in two parts, the first of them exact, so that its rounding is not multiplied.
      let whole = (y * 16).rounded(.down) / 16
      let rest = (y - whole) * (y + whole)
      tail =
        PortableMath.exp(-0.5 * whole * whole) * PortableMath.exp(-0.5 * rest)
        * (0.398942280401432677939946 - s * p / q) / y
    }
    return z > 0 ? 1 - tail : tail
  }

  /// Φ⁻¹(p): −infinity at 0, infinity at 1, not a number outside.
  ///
  /// Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (Applied
  /// Statistics 37, 1988), PPND16: about one part in 1e16.
  package static func quantile(_ p: Double) -> Double {
    let q = p - 0.5
    if q.magnitude <= 0.425 {
      let r = 0.180625 - q * q
      var a = 2.5090809287301226727e+3 * r + 3.3430575583588128105e+4
      a = a * r + 6.7265770927008700853e+4
      a = a * r + 4.5921953931549871457e+4
      a = a * r + 1.3731693765509461125e+4
      a = a * r + 1.9715909503065514427e+3
      a = a * r + 1.3314166789178437745e+2
      a = a * r + 3.3871328727963666080
      var b = 5.2264952788528545610e+3 * r + 2.8729085735721942674e+4
      b = b * r + 3.9307895800092710610e+4
      b = b * r + 2.1213794301586595867e+4
      b = b * r + 5.3941960214247511077e+3
      b = b * r + 6.8718700749205790830e+2
      b = b * r + 4.2313330701600911252e+1
      b = b * r + 1
      return q * a / b
    }
    if p <= 0 { return p == 0 ? -.infinity : .nan }
    if p >= 1 { return p == 1 ? .infinity : .nan }
    if p.isNaN { return p }
    return tailQuantile(q < 0 ? p : 1 - p) * (q < 0 ? -1 : 1)
  }

  /// The quantile of 1 − p for a small p, as a positive number; exact where 1 − p would round.
  package static func upperQuantile(_ p: Double) -> Double {
    p >= 0.075 ? -quantile(p) : p <= 0 ? .infinity : tailQuantile(p)
  }

  private static func tailQuantile(_ p: Double) -> Double {
    var r = (-PortableMath.log(p)).squareRoot()
    var a: Double
    var b: Double
    if r <= 5 {
      r -= 1.6
      a = 7.74545014278341407640e-4 * r + 2.27238449892691845833e-2
      a = a * r + 2.41780725177450611770e-1
      a = a * r + 1.27045825245236838258
      a = a * r + 3.64784832476320460504
      a = a * r + 5.76949722146069140550
      a = a * r + 4.63033784615654529590
      a = a * r + 1.42343711074968357734
      b = 1.05075007164441684324e-9 * r + 5.47593808499534494600e-4
      b = b * r + 1.51986665636164571966e-2
      b = b * r + 1.48103976427480074590e-1
      b = b * r + 6.89767334985100004550e-1
      b = b * r + 1.67638483018380384940
      b = b * r + 2.05319162663775882187
      b = b * r + 1
    } else {
      r -= 5
      a = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
      a = a * r + 1.24266094738807843860e-3
      a = a * r + 2.65321895265761230930e-2
      a = a * r + 2.96560571828504891230e-1
      a = a * r + 1.78482653991729133580
      a = a * r + 5.46378491116411436990
      a = a * r + 6.65790464350110377720
      b = 2.04426310338993978564e-15 * r + 1.42151175831644588870e-7
      b = b * r + 1.84631831751005468180e-5
      b = b * r + 7.86869131145613259100e-4
      b = b * r + 1.48753612908506148525e-2
      b = b * r + 1.36929880922735805310e-1
      b = b * r + 5.99832206555887937690e-1
      b = b * r + 1
    }
    return a / b
  }
}
