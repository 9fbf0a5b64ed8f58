#include <doctest/doctest.h>

#include <cmath>

extern "C" {
double petiole_log(double x);
double petiole_pow(double x, double y);
}

TEST_CASE("lean: the length of a Diffie-Hellman key is what libm makes of it") {
  for (int bits = 5; bits <= 16384; ++bits) {
    const double log = petiole_log(bits);
    const double length = petiole_pow(bits, 1.0 / 3.0) * petiole_pow(log, 2.0 / 3.0);
    CHECK(log == doctest::Approx(std::log(bits)).epsilon(1e-12));
    CHECK(length == doctest::Approx(std::cbrt(bits) * std::cbrt(std::log(bits) * std::log(bits)))
                        .epsilon(1e-12));
  }
}
