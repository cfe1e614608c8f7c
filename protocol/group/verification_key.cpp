#include "protocol/group/verification_key.h"

#include <array>
#include <cstdlib>

#include "protocol/group/lane_kernels.h"
#include "protocol/group/multiples.h"

namespace quorate {
namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

/// Bits of a window, by the words of a coordinate: as wide as 256 KiB allow. On the toy curve so that there
/// are several windows.
template <std::size_t N>
constexpr std::size_t kWidth = N == 4   ? 8
                               : N == 6 ? 6
                                        : 3;
/// Bits of a scalar, of which the lower half is enough: k P = -(n - k) P.
template <std::size_t N>
constexpr std::size_t kBits = N == 4   ? 255
                              : N == 6 ? 383
                                       : 7;
/// The topmost window has a bit to spare for the carry into it.
template <std::size_t N>
constexpr std::size_t kWindows = kBits<N> / kWidth<N> + 1;
template <std::size_t N>
constexpr std::size_t kEntries = std::size_t{1} << (kWidth<N> - 1);

/// One multiple of a table. The coordinates are in the Montgomery form of who computes: words, or lanes.
template <std::size_t N>
using Entry = Finite<N>;
static_assert(kWindows<4> * kEntries<4> * sizeof(Entry<4>) <= 256 * 1024);
static_assert(kWindows<6> * kEntries<6> * sizeof(Entry<6>) <= 256 * 1024);

/// Points of two tables, and whether each is to be subtracted.
template <std::size_t N>
class Terms {
 public:
  void add_product(const Scalar& k, const std::vector<Entry<N>>& table) {
    Limbs digits = k.plain();
    const bool high = k.is_high();
    if (high) digits = k.negate().plain();
    std::uint64_t carry = 0;
    for (std::size_t w = 0; w < kWindows<N>; ++w) {
      const std::uint64_t digit = window(digits, w) + carry;
      carry = digit > kEntries<N>;
      const std::uint64_t magnitude = carry != 0 ? 2 * kEntries<N> - digit : digit;
      if (magnitude == 0) continue;
      negative_[count_ / 8] |= static_cast<std::uint8_t>((high != (carry != 0)) << count_ % 8);
      points_[count_++] = table[w * kEntries<N> + magnitude - 1];
    }
  }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] const Entry<N>* points() const { return points_.data(); }
  [[nodiscard]] const std::uint8_t* negative() const { return negative_.data(); }
  [[nodiscard]] Finite<N> at(std::size_t i, const Field<N>& f) const {
    return {points_[i].x, (negative_[i / 8] >> i % 8 & 1) != 0 ? f.negate(points_[i].y) : points_[i].y};
  }

 private:
  static std::uint64_t window(const Limbs& k, std::size_t w) {
    const std::size_t bit = kWidth<N> * w, word = bit / 64;
    std::uint64_t bits = k[word] >> bit % 64;
    if (bit % 64 != 0 && word + 1 < k.size()) bits |= k[word + 1] << (64 - bit % 64);
    return bits & (2 * kEntries<N> - 1);
  }
  static constexpr std::size_t kMost = (2 * kWindows<N> + 7) / 8 * 8;
  std::array<Entry<N>, kMost> points_;
  std::array<std::uint8_t, kMost / 8> negative_{};
  std::size_t count_ = 0;
};

/// x = X / Z; infinity if Z is 0.
template <std::size_t N>
struct Ratio {
  FieldElement<N> x, z;
};

template <std::size_t N>
Ratio<N> sum(const GroupLaw<N>& law, const Terms<N>& terms) {
  const Field<N>& f = law.field();
  const Finite<N> first = terms.at(0, f);
  Weighted<N> p{first.x, first.y, f.one()};
  for (std::size_t i = 1; i < terms.size(); ++i) p = law.add_different(p, terms.at(i, f));
  if (f.is_zero(p.z) == 0) return {p.x, f.square(p.z)};
  // On the way a point met itself or its negative, which made Z 0 for good. Or the sum is infinity.
  Projective<N> q = law.infinity();
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const Finite<N> term = terms.at(i, f);
    q = law.add(q, {term.x, term.y, f.one()});
  }
  return {q.x, q.z};
}

template <std::size_t N>
Ratio<N> sum(const GroupLaw<N>& law, const Terms<N>& terms, const LaneKernels& kernels) {
  Limbs x{}, z{};
  kernels.sum_var({terms.points()->x.words, terms.negative(), terms.size(), x.data(), z.data()});
  return {law.field().from_plain(x), law.field().from_plain(z)};
}

template <std::size_t N>
std::vector<Entry<N>> table_of(const GroupLaw<N>& law, const Point& p, bool lanes) {
  std::vector<Entry<N>> out = multiples(law, p, kWidth<N>, kWindows<N>);
  if (!lanes) return out;
  // From R = 2^(64 N) to R = 2^(52 L).
  const Field<N>& f = law.field();
  const auto factor = f.small(std::uint64_t{1} << (52 * lane_limbs(N) - 64 * N));
  for (auto& entry : out) entry = {f.mul(entry.x, factor), f.mul(entry.y, factor)};
  return out;
}

template <std::size_t N>
const std::vector<Entry<N>>& generator_table(const GroupLaw<N>& law, const Curve& curve, bool lanes) {
  if (lanes) {
    static const auto for_lanes = table_of(law, Point::generator(curve), true);
    return for_lanes;
  }
  static const auto for_words = table_of(law, Point::generator(curve), false);
  return for_words;
}

}  // namespace

class VerificationKey::Table {
 public:
  virtual ~Table() = default;
  [[nodiscard]] virtual bool reaches(const Scalar& a, const Scalar& b, const Scalar& r) const = 0;
};

namespace {

template <std::size_t N>
class Tables final : public VerificationKey::Table {
 public:
  explicit Tables(const Point& X)
      : curve_(X.curve()),
        law_(curve_),
        kernels_(lane_kernels(curve_)),
        g_(generator_table(law_, curve_, kernels_ != nullptr)),
        x_(table_of(law_, X, kernels_ != nullptr)) {}

  [[nodiscard]] bool reaches(const Scalar& a, const Scalar& b, const Scalar& r) const override {
    Terms<N> terms;
    terms.add_product(a, g_);
    terms.add_product(b, x_);
    if (terms.size() == 0) return false;
    const Field<N>& f = law_.field();
    const Ratio<N> v = kernels_ != nullptr ? sum(law_, terms, *kernels_) : sum(law_, terms);
    if (f.is_zero(v.z) != 0) return false;
    // x is below p, and r below n: x is r, or r + n where that is below p.
    const Limbs low = r.plain();
    if (f.equal(f.mul(f.from_plain(low), v.z), v.x) != 0) return true;
    Limbs high{}, difference{};
    if (mont::add_words<N>(high.data(), low.data(), curve_.order().n.data()) != 0 ||
        mont::sub_words<N>(difference.data(), high.data(), curve_.field().n.data()) == 0)
      return false;
    return f.equal(f.mul(f.from_plain(high), v.z), v.x) != 0;
  }

 private:
  const Curve& curve_;
  GroupLaw<N> law_;
  const LaneKernels* kernels_;  ///< nullptr: words compute
  const std::vector<Entry<N>>& g_;
  std::vector<Entry<N>> x_;
};

std::shared_ptr<const VerificationKey::Table> make_table(const Point& X) {
  switch (X.curve().id()) {
    case CurveId::P256:
      return std::make_shared<Tables<4>>(X);
    case CurveId::P384:
      return std::make_shared<Tables<6>>(X);
    case CurveId::Toy:
      break;
  }
  return std::make_shared<Tables<1>>(X);
}

}  // namespace

VerificationKey::VerificationKey(const Point& X) : X_(X) {
  require(X.valid());
  if (!X.is_infinity()) table_ = make_table(X);
}

bool VerificationKey::reaches_var(const Scalar& a, const Scalar& b, const Scalar& r) const {
  require(X_.valid() && &a.curve() == &X_.curve() && &b.curve() == &X_.curve() && &r.curve() == &X_.curve());
  return table_ != nullptr && table_->reaches(a, b, r);
}

}  // namespace quorate
