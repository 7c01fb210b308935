/// The standard normal distribution, with the same bits on every machine.
package enum NormalDistribution {
  /// φ(z), 0 at both infinities.
  package static func density(_ z: Double) -> Double {
    z.isInfinite ? 0 : PortableMath.exp(-0.5 * z * z) * 0.398942280401432677939946
  }

  /// Φ(z), the probability below z.
  ///
  /// Hart's algorithm 5666 with a continued fraction in the tails, as in West, "Better approximations
  /// to cumulative normal functions" (Wilmott, 2005); absolute error below 1e-15, relative error in the
  /// lower tail below 1e-12.
  package static func cumulative(_ z: Double) -> Double {
    if z.isNaN { return z }
    let x = z.magnitude
    if x > 38.5 { return z > 0 ? 1 : 0 }
    let e = PortableMath.exp(-0.5 * x * x)
    var tail: Double
    if x < 7.07106781186547 {
      var a = 3.52624965998911e-02 * x + 0.700383064443688
      a = a * x + 6.37396220353165
      a = a * x + 33.912866078383
      a = a * x + 112.079291497871
      a = a * x + 221.213596169931
      a = a * x + 220.206867912376
      var b = 8.83883476483184e-02 * x + 1.75566716318264
      b = b * x + 16.064177579207
      b = b * x + 86.7807322029461
      b = b * x + 296.564248779674
      b = b * x + 637.333633378831
      b = b * x + 793.826512519948
      b = b * x + 440.413735824752
      tail = e * a / b
    } else {
      var b = x + 0.65
      b = x + 4 / b
      b = x + 3 / b
      b = x + 2 / b
      b = x + 1 / b
      tail = e / b / 2.506628274631
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
