/**
 * Spherical interpolation as a weighted sum: the share of `b` in `(1 − share)·a + share·b` that points to the fraction `t`
 * of the way from `a` to `b` along the sphere. So a step of a journey is a blend, and can be drawn again as one.
 *
 * Slerp is sin((1 − t)·ω)·a + sin(t·ω)·b, both over sin ω, with ω the angle between them (Shoemake 1985); what is left of
 * it after normalisation is the ratio of the two sines.
 * @param a (D) unit vector
 * @param b (D) unit vector
 * @param t from 0, at a, to 1, at b
 * @throws RangeError when a and b are opposite: no way between them is shorter than all others
 */
export function slerpShare(a: readonly number[], b: readonly number[], t: number): number {
  if (t <= 0 || t >= 1) return t <= 0 ? 0 : 1;
  const angle = angleBetween(a, b);
  // Where b is a, or nearly so, chord and arc are one, and the sines' ratio is 0 / 0.
  if (angle < 1e-6) return t;
  if (Math.PI - angle < 1e-3) {
    throw new RangeError(
      "two stops of the journey are opposite, so that no way between them is the shortest; put a stop between them",
    );
  }
  const [from, to] = [Math.sin((1 - t) * angle), Math.sin(t * angle)];
  return to / (from + to);
}

/** The angle between two unit vectors, in radians. The arc cosine of their product would lose small angles to rounding. */
export function angleBetween(a: readonly number[], b: readonly number[]): number {
  const length = (sign: number): number => Math.hypot(...a.map((value, i) => value + sign * (b[i] ?? 0)));
  return 2 * Math.atan2(length(-1), length(1));
}
