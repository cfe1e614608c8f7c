#pragma once

#include <openssl/bn.h>
#include <openssl/ec.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "protocol/group/point.h"

namespace quorate::reference {

/// OpenSSL's integers, which the group's own arithmetic is compared with.
class Number {
 public:
  Number() : value_(BN_new()) {}
  Number(const Number& other) : value_(BN_dup(other.get())) {}
  Number& operator=(const Number& other) {
    value_.reset(BN_dup(other.get()));
    return *this;
  }
  Number(Number&&) noexcept = default;
  Number& operator=(Number&&) noexcept = default;
  ~Number() = default;
  explicit Number(std::uint64_t small) : Number() { check(BN_set_word(value_.get(), small)); }
  explicit Number(ByteView big_endian)
      : value_(BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr)) {}
  template <bool kSecret>
  explicit Number(const BasicScalar<kSecret>& s) : Number() {
    Bytes encoded(s.curve().scalar_size());
    s.encode(encoded);
    *this = Number(ByteView(encoded));
  }
  explicit Number(std::span<const std::uint64_t> words) : Number() {
    Bytes bytes;
    for (std::size_t i = words.size(); i-- > 0;) {
      for (int shift = 56; shift >= 0; shift -= 8)
        bytes.push_back(static_cast<std::uint8_t>(words[i] >> shift));
    }
    *this = Number(ByteView(bytes));
  }
  static Number order(const Curve& curve) {
    Number n;
    check(BN_copy(n.get(), EC_GROUP_get0_order(curve.group())) != nullptr);
    return n;
  }
  static Number field(const Curve& curve) {
    Number p;
    check(EC_GROUP_get_curve(curve.group(), p.get(), nullptr, nullptr, nullptr));
    return p;
  }

  [[nodiscard]] BIGNUM* get() const { return value_.get(); }
  [[nodiscard]] Bytes encode(std::size_t size) const {
    Bytes out(size);
    check(BN_bn2binpad(get(), out.data(), static_cast<int>(size)) >= 0);
    return out;
  }
  [[nodiscard]] Limbs limbs() const {
    Limbs out{};
    residue::from_big_endian(out, encode(8 * kMaxLimbs));
    return out;
  }
  [[nodiscard]] Number mod(const Number& n) const {
    Number r;
    check(BN_nnmod(r.get(), get(), n.get(), context()));
    return r;
  }
  /// a^-1 mod n, n prime.
  [[nodiscard]] Number inverse(const Number& n) const {
    Number r;
    check(BN_mod_inverse(r.get(), get(), n.get(), context()) != nullptr);
    return r;
  }
  friend Number operator+(const Number& a, const Number& b) {
    Number r;
    check(BN_add(r.get(), a.get(), b.get()));
    return r;
  }
  friend Number operator-(const Number& a, const Number& b) {
    Number r;
    check(BN_sub(r.get(), a.get(), b.get()));
    return r;
  }
  friend Number operator*(const Number& a, const Number& b) {
    Number r;
    check(BN_mul(r.get(), a.get(), b.get(), context()));
    return r;
  }
  friend bool operator==(const Number& a, const Number& b) { return BN_cmp(a.get(), b.get()) == 0; }
  friend bool operator<(const Number& a, const Number& b) { return BN_cmp(a.get(), b.get()) < 0; }

 private:
  struct Free {
    void operator()(BIGNUM* b) const { BN_free(b); }
  };
  static void check(int ok) {
    if (ok == 0) throw std::runtime_error("the reference arithmetic failed");
  }
  static BN_CTX* context() {
    static BN_CTX* const ctx = BN_CTX_new();
    return ctx;
  }
  std::unique_ptr<BIGNUM, Free> value_;
};

/// k P, not with our own arithmetic.
inline Point by_openssl(const Scalar& k, const Point& p) {
  Point out(p.curve());
  if (EC_POINT_mul(p.curve().group(), const_cast<EC_POINT*>(out.get()), nullptr, p.get(), Number(k).get(), nullptr) != 1)
    throw std::runtime_error("the reference arithmetic failed");
  return out;
}

/// Values where carries, borrows and final subtractions go wrong: near 0, n/2, n and around word borders.
inline std::vector<Scalar> edge_scalars(const Curve& curve) {
  const Number n = Number::order(curve), one(1);
  std::vector<Number> values = {Number(0), one, Number(2), n - one, n - Number(2)};
  Number half;
  BN_rshift1(half.get(), n.get());
  values.insert(values.end(), {half, half + one, half - one});
  for (int bit = 8; bit < BN_num_bits(n.get()); bit += 8) {
    Number power(1);
    BN_lshift(power.get(), power.get(), bit);
    values.insert(values.end(), {power, power - one, n - power});
  }
  std::vector<Scalar> out;
  for (const auto& v : values)
    out.push_back(Scalar::decode(curve, v.mod(n).encode(curve.scalar_size())).value());
  return out;
}

}  // namespace quorate::reference
