#include "protocol/group/scalar.h"

#include <cstdlib>
#include <vector>

#include "protocol/base/secret.h"
#include "protocol/group/inverse_var.h"
#include "protocol/group/montgomery.h"

namespace quorate {
namespace {

constexpr Limbs kOne = {1};

template <bool A, bool B>
const Curve& common_curve(const BasicScalar<A>& a, const BasicScalar<B>& b) {
  if (!a.valid() || !b.valid() || &a.curve() != &b.curve()) std::abort();
  return a.curve();
}

/// Holds an intermediate result; wiped if it is secret.
template <bool kSecret>
struct Scratch {
  Limbs limbs{};
  ~Scratch() {
    if constexpr (kSecret) ct::wipe(limbs.data(), sizeof limbs);
  }
};

/// 1 if all words are 0, in constant time.
std::uint64_t is_zero_words(const Limbs& a) {
  std::uint64_t any = 0;
  for (const auto word : a) any |= word;
  return ct::is_zero(any);
}

}  // namespace

template <bool kSecret>
BasicScalar<kSecret>::BasicScalar(const Curve& curve, std::uint64_t small) : curve_(&curve) {
  residue::reduce_wide(curve.order(), limbs_, {&small, 1});
  residue::mont_mul(curve.order(), limbs_, limbs_, curve.order().r2);
}

template <bool kSecret>
BasicScalar<kSecret>::BasicScalar(BasicScalar&& other) noexcept : curve_(other.curve_), limbs_(other.limbs_) {
  if constexpr (kSecret) other.wipe();
}

template <bool kSecret>
BasicScalar<kSecret>& BasicScalar<kSecret>::operator=(BasicScalar&& other) noexcept {
  if (this == &other) return *this;
  curve_ = other.curve_;
  limbs_ = other.limbs_;
  if constexpr (kSecret) other.wipe();
  return *this;
}

template <bool kSecret>
BasicScalar<kSecret>::~BasicScalar() {
  if constexpr (kSecret) wipe();
}

template <bool kSecret>
BasicScalar<kSecret> BasicScalar<kSecret>::random(const Curve& curve, Rng& rng) {
  SecretBytes wide(curve.wide_size());
  rng.fill(wide.reveal());
  if constexpr (kSecret) ct::poison(wide.reveal().data(), wide.size());
  return reduce(curve, wide.reveal());
}

template <bool kSecret>
BasicScalar<kSecret> BasicScalar<kSecret>::random_nonzero(const Curve& curve, Rng& rng) {
  for (;;) {
    BasicScalar candidate = random(curve, rng);
    // Whether a candidate was thrown away says nothing about the one that is kept.
    std::uint64_t zero = is_zero_words(candidate.limbs_);
    ct::unpoison(&zero, sizeof zero);
    if (zero == 0) return candidate;
  }
}

template <bool kSecret>
BasicScalar<kSecret> BasicScalar<kSecret>::reduce(const Curve& curve, ByteView wide) {
  SecretVector<std::uint64_t> words((wide.size() + 7) / 8);
  residue::from_big_endian(words.reveal(), wide);
  BasicScalar result(curve);
  residue::reduce_wide(curve.order(), result.limbs_, words.reveal());
  residue::mont_mul(curve.order(), result.limbs_, result.limbs_, curve.order().r2);
  return result;
}

template <bool kSecret>
std::optional<BasicScalar<kSecret>> BasicScalar<kSecret>::decode(const Curve& curve, ByteView bytes) {
  if (bytes.size() != curve.scalar_size()) return std::nullopt;
  BasicScalar result(curve);
  residue::from_big_endian(result.limbs_, bytes);
  std::uint64_t in_range = residue::below(curve.order(), result.limbs_);
  ct::unpoison(&in_range, sizeof in_range);
  if (in_range == 0) return std::nullopt;
  residue::mont_mul(curve.order(), result.limbs_, result.limbs_, curve.order().r2);
  return result;
}

template <bool kSecret>
BasicScalar<kSecret> BasicScalar<kSecret>::from_montgomery(const Curve& curve, const Limbs& limbs) {
  BasicScalar result(curve);
  result.limbs_ = limbs;
  return result;
}

template <bool kSecret>
BasicScalar<kSecret> BasicScalar<kSecret>::from_plain(const Curve& curve, const Limbs& limbs) {
  BasicScalar result(curve);
  residue::mont_mul(curve.order(), result.limbs_, limbs, curve.order().r2);
  return result;
}

template <bool kSecret>
Limbs BasicScalar<kSecret>::plain() const {
  Limbs out{};
  residue::mont_mul(curve_->order(), out, limbs_, kOne);
  return out;
}

template <bool kSecret>
BasicScalar<kSecret> BasicScalar<kSecret>::negate() const {
  BasicScalar result(*curve_);
  residue::sub(curve_->order(), result.limbs_, result.limbs_, limbs_);
  return result;
}

template <bool kSecret>
BasicScalar<kSecret> BasicScalar<kSecret>::invert() const {
  BasicScalar result(*curve_);
  const Modulus& m = curve_->order();
  mont::with_width(m, [&]<std::size_t N>() { mont::invert<N>(m, result.limbs_.data(), limbs_.data()); });
  return result;
}

template <bool kSecret>
BasicScalar<kSecret> BasicScalar<kSecret>::invert_var() const requires(!kSecret) {
  BasicScalar result(*curve_);
  const Modulus& m = curve_->order();
  mont::with_width(m, [&]<std::size_t N>() { InverseVar<N>(m).invert(result.limbs_.data(), limbs_.data()); });
  return result;
}

template <bool kSecret>
void BasicScalar<kSecret>::encode(MutableByteView out) const {
  if (out.size() != curve_->scalar_size()) std::abort();
  Limbs value = plain();
  residue::to_big_endian(out, value);
  if constexpr (kSecret) ct::wipe(value.data(), sizeof value);
}

template <bool kSecret>
Bytes BasicScalar<kSecret>::encode() const requires(!kSecret) {
  Bytes out(curve_->scalar_size());
  encode(out);
  return out;
}

template <bool kSecret>
bool BasicScalar<kSecret>::is_zero() const requires(!kSecret) {
  return is_zero_words(limbs_) != 0;
}

template <bool kSecret>
bool BasicScalar<kSecret>::is_high() const requires(!kSecret) {
  // n is odd: x > n/2 exactly if x > n - x, and 0 is its own negative.
  const Limbs x = plain(), minus_x = negate().plain();
  std::uint64_t d[kMaxLimbs];
  return mont::sub_words<kMaxLimbs>(d, minus_x.data(), x.data()) != 0;
}

template <bool kSecret>
bool BasicScalar<kSecret>::operator==(const BasicScalar& other) const requires(!kSecret) {
  return curve_ == other.curve_ && limbs_ == other.limbs_;
}

template class BasicScalar<false>;
template class BasicScalar<true>;

template <bool A, bool B>
BasicScalar<A || B> operator+(const BasicScalar<A>& a, const BasicScalar<B>& b) {
  const Curve& curve = common_curve(a, b);
  Scratch<A || B> r;
  residue::add(curve.order(), r.limbs, a.montgomery(), b.montgomery());
  return BasicScalar < A || B > ::from_montgomery(curve, r.limbs);
}

template <bool A, bool B>
BasicScalar<A || B> operator-(const BasicScalar<A>& a, const BasicScalar<B>& b) {
  const Curve& curve = common_curve(a, b);
  Scratch<A || B> r;
  residue::sub(curve.order(), r.limbs, a.montgomery(), b.montgomery());
  return BasicScalar < A || B > ::from_montgomery(curve, r.limbs);
}

template <bool A, bool B>
BasicScalar<A || B> operator*(const BasicScalar<A>& a, const BasicScalar<B>& b) {
  const Curve& curve = common_curve(a, b);
  Scratch<A || B> r;
  residue::mont_mul(curve.order(), r.limbs, a.montgomery(), b.montgomery());
  return BasicScalar < A || B > ::from_montgomery(curve, r.limbs);
}

#define QUORATE_INSTANTIATE(A, B)                                                           \
  template BasicScalar<(A) || (B)> operator+(const BasicScalar<A>&, const BasicScalar<B>&); \
  template BasicScalar<(A) || (B)> operator-(const BasicScalar<A>&, const BasicScalar<B>&); \
  template BasicScalar<(A) || (B)> operator*(const BasicScalar<A>&, const BasicScalar<B>&);
QUORATE_INSTANTIATE(false, false)
QUORATE_INSTANTIATE(false, true)
QUORATE_INSTANTIATE(true, false)
QUORATE_INSTANTIATE(true, true)
#undef QUORATE_INSTANTIATE

Scalar declassify(const SecretScalar& secret) {
  Scalar out = Scalar::from_montgomery(secret.curve(), secret.montgomery());
  ct::unpoison(&out, sizeof out);
  return out;
}

void invert_all(std::span<Scalar> scalars) {
  if (scalars.empty()) return;
  // before[i] is the product of everything ahead of i.
  std::vector<Scalar> before;
  before.reserve(scalars.size());
  Scalar product(scalars.front().curve(), 1);
  for (const auto& s : scalars) {
    before.push_back(product);
    product = product * s;
  }
  Scalar inverse = product.invert();
  for (std::size_t i = scalars.size(); i-- > 0;) {
    const Scalar current = scalars[i];
    scalars[i] = before[i] * inverse;
    inverse = inverse * current;
  }
}

}  // namespace quorate
