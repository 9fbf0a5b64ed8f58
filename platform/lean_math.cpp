// Stands in for libm in a self-contained binary, under the names that cmake/Dependencies.cmake
// gives to what SQLite and wolfSSL ask of it.
extern "C" {

// wolfSSL takes the length of a Diffie-Hellman key from these. Right to 12 digits, for x >= 1 and
// y >= 0.
double petiole_log(double x);
double petiole_pow(double x, double y);

// SQL's mathematical functions, which no statement here uses.
double petiole_no_acos() { return 0; }
double petiole_no_acosh() { return 0; }
double petiole_no_asin() { return 0; }
double petiole_no_asinh() { return 0; }
double petiole_no_atan() { return 0; }
double petiole_no_atan2() { return 0; }
double petiole_no_atanh() { return 0; }
double petiole_no_cos() { return 0; }
double petiole_no_cosh() { return 0; }
double petiole_no_exp() { return 0; }
double petiole_no_fmod() { return 0; }
double petiole_no_log() { return 0; }
double petiole_no_pow() { return 0; }
double petiole_no_sin() { return 0; }
double petiole_no_sinh() { return 0; }
double petiole_no_sqrt() { return 0; }
double petiole_no_tan() { return 0; }
double petiole_no_tanh() { return 0; }
double petiole_no_trunc() { return 0; }
}

namespace {
constexpr double kLogOf2 = 0.693147180559945309417;
constexpr int kTerms = 27;
}  // namespace

// x = m 2^exponent with m in [1/2, 1); log m = 2 artanh z, and z^2 <= 1/9.
double petiole_log(double x) {
  int exponent = 0;
  for (; x >= 1; x /= 2) ++exponent;
  const double z = (x - 1) / (x + 1);
  double sum = 0, power = z;
  for (int i = 1; i <= kTerms; i += 2, power *= z * z) sum += power / i;
  return 2 * sum + exponent * kLogOf2;
}

// e^(k log 2 + rest) with |rest| <= log 2.
double petiole_pow(double x, double y) {
  const double log = y * petiole_log(x);
  int k = static_cast<int>(log / kLogOf2);
  const double rest = log - k * kLogOf2;
  double sum = 1, term = 1;
  for (int i = 1; i <= kTerms; ++i) sum += term *= rest / i;
  for (; k > 0; --k) sum *= 2;
  return sum;
}
