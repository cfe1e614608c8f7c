#include "protocol/group/curve.h"

#include <openssl/bn.h>
#include <openssl/obj_mac.h>

#include <atomic>
#include <cstdlib>
#include <memory>

#include "protocol/group/montgomery.h"
#include "protocol/group/scalar.h"

namespace quorate {
namespace {

struct BnFree {
  void operator()(BIGNUM* b) const { BN_free(b); }
};
using Bn = std::unique_ptr<BIGNUM, BnFree>;

std::atomic<bool> toy_allowed{false};

void require(bool ok) {
  if (!ok) std::abort();
}

Bytes big_endian(const BIGNUM* value) {
  Bytes out(static_cast<std::size_t>(BN_num_bytes(value)));
  require(BN_bn2bin(value, out.data()) == static_cast<int>(out.size()));
  return out;
}

/// y^2 = x^3 - 3x + 153 over F_251 with the generator (0, 116) of order 241; the group has no other
/// subgroup. 241 is below 251, so that x = 0 and x = 241 both give r = 0.
EC_GROUP* make_toy_group() {
  const Bn p(BN_new()), a(BN_new()), b(BN_new()), n(BN_new()), x(BN_new()), y(BN_new());
  require(p && a && b && n && x && y);
  require(BN_set_word(p.get(), 251) && BN_set_word(a.get(), 251 - 3) && BN_set_word(b.get(), 153) &&
          BN_set_word(n.get(), 241) && BN_set_word(y.get(), 116));
  BN_zero(x.get());
  EC_GROUP* group = EC_GROUP_new_curve_GFp(p.get(), a.get(), b.get(), nullptr);
  require(group != nullptr);
  EC_POINT* g = EC_POINT_new(group);
  require(g != nullptr && EC_POINT_set_affine_coordinates(group, g, x.get(), y.get(), nullptr) == 1 &&
          EC_GROUP_set_generator(group, g, n.get(), BN_value_one()) == 1);
  EC_POINT_free(g);
  return group;
}

EC_GROUP* named_group(int nid) {
  EC_GROUP* group = EC_GROUP_new_by_curve_name(nid);
  require(group != nullptr);
  return group;
}

}  // namespace

void mont::to_lane_limbs(std::uint64_t* out, std::size_t limbs, const Limbs& value) {
  for (std::size_t i = 0; i < limbs; ++i) {
    const std::size_t word = 52 * i / 64, shift = 52 * i % 64;
    out[i] = word < kMaxLimbs ? value[word] >> shift : 0;
    if (shift > 12 && word + 1 < kMaxLimbs) out[i] |= value[word + 1] << (64 - shift);
    out[i] &= (std::uint64_t{1} << 52) - 1;
  }
}

Modulus mont::make_modulus(ByteView big_endian) {
  Modulus m;
  m.limbs = (big_endian.size() + 7) / 8;
  require(m.limbs > 0 && m.limbs <= kMaxLimbs && (big_endian.back() & 1) == 1);
  residue::from_big_endian(m.n, big_endian);
  std::uint64_t inverse = 1;  // doubles its correct low bits in every step
  for (int i = 0; i < 6; ++i) inverse *= 2 - m.n[0] * inverse;
  m.n0 = 0 - inverse;
  const Bn n(BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr)), power(BN_new());
  BN_CTX* ctx = BN_CTX_new();
  require(n && power && ctx != nullptr);
  const auto power_of_two = [&](std::size_t exponent) {
    BN_zero(power.get());
    require(BN_set_bit(power.get(), static_cast<int>(exponent)) &&
            BN_nnmod(power.get(), power.get(), n.get(), ctx));
    Limbs out{};
    residue::from_big_endian(out, quorate::big_endian(power.get()));
    return out;
  };
  m.r = power_of_two(64 * m.limbs);
  m.r2 = power_of_two(128 * m.limbs);
  const std::size_t lanes = lane_limbs(m.limbs);
  to_lane_limbs(m.lanes.n, lanes, m.n);
  to_lane_limbs(m.lanes.r, lanes, power_of_two(52 * lanes));
  to_lane_limbs(m.lanes.r2, lanes, power_of_two(104 * lanes));
  BN_CTX_free(ctx);
  return m;
}

Curve::Curve(CurveId id, std::string_view name, EC_GROUP* group, const char* digest_name)
    : id_(id), name_(name), group_(group), digest_name_(digest_name) {
  const BIGNUM* n = EC_GROUP_get0_order(group);
  require(n != nullptr && BN_check_prime(n, nullptr, nullptr) == 1 &&
          BN_is_one(EC_GROUP_get0_cofactor(group)));
  order_bits_ = static_cast<std::size_t>(BN_num_bits(n));
  scalar_size_ = static_cast<std::size_t>(BN_num_bytes(n));
  field_size_ = (static_cast<std::size_t>(EC_GROUP_get_degree(group)) + 7) / 8;
  order_ = mont::make_modulus(big_endian(n));
  const Bn p(BN_new());
  require(p && EC_GROUP_get_curve(group, p.get(), nullptr, nullptr, nullptr) == 1);
  field_ = mont::make_modulus(big_endian(p.get()));
}

const Curve& Curve::p256() {
  static const Curve curve(CurveId::P256, "P-256", named_group(NID_X9_62_prime256v1), "SHA256");
  return curve;
}

const Curve& Curve::p384() {
  static const Curve curve(CurveId::P384, "P-384", named_group(NID_secp384r1), "SHA384");
  return curve;
}

const Curve& Curve::toy() {
  static const Curve curve(CurveId::Toy, "toy-241", make_toy_group(), "SHA256");
  return curve;
}

void Curve::allow_toy() { toy_allowed = true; }

const Curve* Curve::find(CurveId id) {
  switch (id) {
    case CurveId::P256:
      return &p256();
    case CurveId::P384:
      return &p384();
    case CurveId::Toy:
      return toy_allowed ? &toy() : nullptr;
  }
  return nullptr;
}

const Curve* Curve::find(std::string_view name) {
  for (const auto id : {CurveId::P256, CurveId::P384, CurveId::Toy}) {
    const Curve* curve = find(id);
    if (curve != nullptr && curve->name() == name) return curve;
  }
  return nullptr;
}

}  // namespace quorate
