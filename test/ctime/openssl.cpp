// OpenSSL's multiplication on P-256, the one place where a secret scalar leaves our own code. Memcheck does
// report decisions there (README.md argues each); what must hold is that their number does not depend on the
// scalar. The control is its variable-time code on P-384, where it does.
#include <openssl/bn.h>
#include <openssl/obj_mac.h>

#include <cstdio>
#include <set>

#include "test/ctime/cases.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // EC_POINTs_mul

namespace quorate::ctime {
namespace {

using Multiply = void (*)(const EC_GROUP*, EC_POINT* out, const EC_POINT* p, const BIGNUM* k, BN_CTX*);

/// Reports for one multiplication by k, which is secret. The operands are taken in as Point does it.
std::size_t decisions(const Curve& curve, Multiply multiply, const Scalar& k) {
  Bytes bytes = k.encode();
  bytes.insert(bytes.begin(), 1);
  ct::poison(bytes.data() + 1, bytes.size() - 1);
  BIGNUM* number = BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr);
  require(number != nullptr && BN_mask_bits(number, static_cast<int>(8 * (bytes.size() - 1))) == 1, "BIGNUM");
  BN_set_flags(number, BN_FLG_CONSTTIME);
  const Point p = Point::mul_base(Scalar(curve, 12345));
  Point out(curve);
  BN_CTX* ctx = BN_CTX_new();
  const auto before = reports();
  multiply(curve.group(), const_cast<EC_POINT*>(out.get()), p.get(), number, ctx);
  const auto after = reports();
  BN_CTX_free(ctx);
  BN_clear_free(number);
  return after - before;
}

void base(const EC_GROUP* g, EC_POINT* out, const EC_POINT*, const BIGNUM* k, BN_CTX* ctx) {
  require(EC_POINT_mul(g, out, k, nullptr, nullptr, ctx) == 1, "EC_POINT_mul");
}
void arbitrary(const EC_GROUP* g, EC_POINT* out, const EC_POINT* p, const BIGNUM* k, BN_CTX* ctx) {
  require(EC_POINT_mul(g, out, nullptr, p, k, ctx) == 1, "EC_POINT_mul");
}
void variable_time(const EC_GROUP* g, EC_POINT* out, const EC_POINT* p, const BIGNUM* k, BN_CTX* ctx) {
  const EC_POINT* points[] = {p, p};
  const BIGNUM* scalars[] = {k, k};
  require(EC_POINTs_mul(g, out, nullptr, 2, points, scalars, ctx) == 1, "EC_POINTs_mul");
}

/// Different numbers of reports over scalars of all kinds. All have a top word that is not 0: the one in 2^64
/// that has not is known to be stored shorter (protocol/group/README.md).
std::set<std::size_t> outcomes(const Curve& curve, Multiply multiply, int random) {
  sim::SeededRng rng(2026, "openssl");
  Scalar high(curve, 1);
  for (std::size_t i = 1; i < curve.order_bits(); ++i) high = high + high;
  const Scalar one(curve, 1);
  std::vector<Scalar> scalars{high, high + one, one.negate(), (one + one).negate()};
  for (int i = 0; i < random; ++i) scalars.push_back(Scalar::random_nonzero(curve, rng));
  std::set<std::size_t> out;
  for (const auto& k : scalars) out.insert(decisions(curve, multiply, k));
  return out;
}

template <Multiply multiply>
void p256() {
  const auto seen = outcomes(Curve::p256(), multiply, 6);
  for (const auto count : seen) std::fprintf(stderr, "ctime: %zu decisions\n", count);
  require(seen.size() == 1, "OpenSSL's P-256 decides otherwise for another scalar");
}

void control() {
  require(outcomes(Curve::p384(), variable_time, 4).size() > 1,
          "variable-time code was not told from constant-time code");
}

}  // namespace

std::vector<Case> library_cases() {
  return {{"openssl-p256-base", p256<base>},
          {"openssl-p256-point", p256<arbitrary>},
          {"openssl-control", control}};
}

}  // namespace quorate::ctime
