// Functions of real numbers that have the same bits with every C library.
#pragma once
#include <cmath>

namespace hebb {

/// ln x for x in (0, 1]: x = m 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m - 1) / (m + 1)) by its series.
inline double natural_log(double x) {
  int exponent;
  double m = std::frexp(x, &exponent);
  if (m < 0.70710678118654752) m *= 2, exponent--;
  const double s = (m - 1) / (m + 1), q = s * s;
  double sum = 0;
  for (int k = 21; k >= 1; k -= 2) sum = sum * q + 1.0 / k;
  return 2 * s * sum + exponent * 0.69314718055994531;
}

/// cos(2 pi u) for u in [0, 1): by symmetry of an eighth of the circle, by the series of cosine or sine.
inline double cosine_of_turns(double u) {
  double sign = 1;
  if (u >= 0.5) u = 1 - u;               // cos is even about half a turn
  if (u > 0.25) u = 0.5 - u, sign = -1;  // and odd about a quarter
  const bool sine = u > 0.125;           // cos(2 pi u) = sin(2 pi (1/4 - u))
  const double angle = 6.2831853071795865 * (sine ? 0.25 - u : u), q = angle * angle;
  double sum = 0;
  for (int k = 8; k >= 1; k--) sum = 1 - sum * q / (sine ? 2 * k * (2 * k + 1) : 2 * k * (2 * k - 1));
  // The loop leaves 1 - q/(1·2) (1 - q/(3·4) (…)), or the same for sine over the angle.
  return sign * (sine ? angle * sum : sum);
}

/// sin(2 pi u) for u in [0, 1).
inline double sine_of_turns(double u) { return cosine_of_turns(u < 0.25 ? u + 0.75 : u - 0.25); }

/// e^x for x <= 0: x = n ln 2 + r with r within half of ln 2, e^r by its series.
inline double exponential(double x) {
  if (!(x > -700)) return 0;
  const int n = int(x * 1.4426950408889634 - 0.5);
  const double r = x - n * 0.69314718055994531;
  double sum = 1;
  for (int k = 14; k >= 1; k--) sum = 1 + sum * r / k;
  return std::ldexp(sum, n);
}

}  // namespace hebb
