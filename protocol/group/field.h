#pragma once

#include "protocol/base/secret.h"
#include "protocol/group/montgomery.h"
#include "protocol/group/scalar.h"

namespace quorate {

/// A coordinate: an integer mod the curve's field prime of N words, in Montgomery form. Constant-time
/// throughout; the modulus is passed along by Field.
template <std::size_t N>
struct FieldElement {
  std::uint64_t words[N] = {};
};

/// The operations of one field. Holds a reference to a Curve's modulus, which lives as long as the process.
template <std::size_t N>
class Field {
 public:
  using Element = FieldElement<N>;
  explicit Field(const Modulus& modulus) : m_(modulus) {}

  [[nodiscard]] Element add(const Element& a, const Element& b) const {
    Element r;
    mont::add<N>(m_, r.words, a.words, b.words);
    return r;
  }
  [[nodiscard]] Element sub(const Element& a, const Element& b) const {
    Element r;
    mont::sub<N>(m_, r.words, a.words, b.words);
    return r;
  }
  [[nodiscard]] Element mul(const Element& a, const Element& b) const {
    Element r;
    mont::mul<N>(m_, r.words, a.words, b.words);
    return r;
  }
  [[nodiscard]] Element square(const Element& a) const { return mul(a, a); }
  [[nodiscard]] Element twice(const Element& a) const { return add(a, a); }
  [[nodiscard]] Element triple(const Element& a) const { return add(add(a, a), a); }
  [[nodiscard]] Element negate(const Element& a) const { return sub(Element{}, a); }
  [[nodiscard]] Element invert(const Element& a) const {
    Element r;
    mont::invert<N>(m_, r.words, a.words);
    return r;
  }
  /// a^e for a public exponent.
  [[nodiscard]] Element pow(const Element& a, const Limbs& e) const {
    Element r;
    mont::pow<N>(m_, r.words, a.words, e.data());
    return r;
  }
  [[nodiscard]] Element one() const { return from_montgomery(m_.r); }
  [[nodiscard]] Element small(std::uint64_t value) const { return from_plain(Limbs{value}); }
  [[nodiscard]] Element from_plain(const Limbs& plain) const {
    Element r;
    mont::mul<N>(m_, r.words, plain.data(), m_.r2.data());
    return r;
  }
  [[nodiscard]] Limbs plain(const Element& a) const {
    Limbs r{};
    const std::uint64_t unit[N] = {1};
    mont::mul<N>(m_, r.data(), a.words, unit);
    return r;
  }
  /// Any number of big-endian bytes, reduced.
  [[nodiscard]] Element reduce(ByteView wide) const {
    SecretVector<std::uint64_t> words((wide.size() + 7) / 8);
    residue::from_big_endian(words.reveal(), wide);
    Limbs value{};
    residue::reduce_wide(m_, value, words.reveal());
    return from_plain(value);
  }

  /// 1 or 0.
  [[nodiscard]] std::uint64_t is_zero(const Element& a) const {
    std::uint64_t any = 0;
    for (const auto word : a.words) any |= word;
    return ct::is_zero(any);
  }
  [[nodiscard]] std::uint64_t equal(const Element& a, const Element& b) const { return is_zero(sub(a, b)); }
  /// bit ? b : a
  [[nodiscard]] Element choose(std::uint64_t bit, const Element& a, const Element& b) const {
    Element r;
    mont::choose<N>(r.words, bit, a.words, b.words);
    return r;
  }
  /// The lowest bit of the plain integer: sgn0 of RFC 9380 for prime fields.
  [[nodiscard]] std::uint64_t parity(const Element& a) const { return plain(a)[0] & 1; }

 private:
  [[nodiscard]] Element from_montgomery(const Limbs& limbs) const {
    Element r;
    for (std::size_t i = 0; i < N; ++i) r.words[i] = limbs[i];
    return r;
  }
  const Modulus& m_;
};

}  // namespace quorate
