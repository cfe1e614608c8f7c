#pragma once

#include <openssl/ec.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/group/modulus.h"

namespace quorate {

/// The numbers are the wire's.
enum class CurveId : std::uint8_t { P256 = 1, P384 = 2, Toy = 250 };

/// A prime-order curve. Instances live as long as the process; compare them by address.
/// Toy is y^2 = x^3 - 3x + 153 over F_251, of prime order 241: tests only, offers no security at all.
class Curve {
 public:
  static const Curve& p256();
  static const Curve& p384();
  static const Curve& toy();
  /// nullptr for an unknown id. Toy is only found after allow_toy() (tests, simulators).
  static const Curve* find(CurveId id);
  static const Curve* find(std::string_view name);  ///< "P-256", "P-384"
  static void allow_toy();

  Curve(const Curve&) = delete;
  Curve& operator=(const Curve&) = delete;

  [[nodiscard]] CurveId id() const { return id_; }
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] bool is_toy() const { return id_ == CurveId::Toy; }
  /// Bits of the group order, kappa in SPEC.
  [[nodiscard]] std::size_t order_bits() const { return order_bits_; }
  /// Bytes of an encoded scalar: 32 (P-256), 48 (P-384), 1 (toy).
  [[nodiscard]] std::size_t scalar_size() const { return scalar_size_; }
  /// Bytes of one coordinate.
  [[nodiscard]] std::size_t field_size() const { return field_size_; }
  /// Bytes of an uncompressed point: 1 + 2 field_size.
  [[nodiscard]] std::size_t point_size() const { return 1 + 2 * field_size_; }
  /// Bytes that a hash or PRG delivers for one scalar before reduction: scalar_size + 16.
  [[nodiscard]] std::size_t wide_size() const { return scalar_size_ + 16; }
  [[nodiscard]] const Modulus& order() const { return order_; }
  /// The prime that coordinates are taken modulo.
  [[nodiscard]] const Modulus& field() const { return field_; }
  [[nodiscard]] const EC_GROUP* group() const { return group_; }
  /// "SHA256" or "SHA384": the digest that TLS 1.3 ties to this curve.
  [[nodiscard]] const char* digest_name() const { return digest_name_; }

 private:
  Curve(CurveId id, std::string_view name, EC_GROUP* group, const char* digest_name);
  CurveId id_;
  std::string_view name_;
  std::size_t order_bits_ = 0, scalar_size_ = 0, field_size_ = 0;
  Modulus order_, field_;
  EC_GROUP* group_;
  const char* digest_name_;
};

}  // namespace quorate
