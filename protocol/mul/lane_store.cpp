#include "protocol/mul/lane_store.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "protocol/group/montgomery.h"
#include "protocol/mul/rvole.h"

namespace quorate::mul {
namespace {

// Groups hashed and reduced at a time: little enough to stay in the first-level cache.
constexpr std::size_t kChunk = 8;

const LaneKernels& kernels(const Modulus& m) {
#if defined(QUORATE_IFMA)
  if (lanes_in_use() == Lanes::Ifma) return ifma_kernels(m);
#endif
  return portable_kernels(m);
}

// LaneRows::weigh() sums products of all rows in columns of 62 bits, a product being 2 L - 1 words of 52 bits to a column, and
// reduces what must stay below 2^(52 L): 4.1 n^2 a row and n.
template <std::size_t N>
constexpr bool fits_columns() {
  constexpr std::size_t L = lane_limbs(N), groups = (64 * N + 2 * ot::kLambdaS) / kLanes;
  return groups * (2 * L - 1) < 1u << 10 && (N > 4 || 41 * groups / 16 + 10 < 10 * 16);
}
static_assert(fits_columns<4>() && fits_columns<6>());

std::size_t groups_of(const Curve& curve) {
  const std::size_t xi = ot::ots_per_multiplication(curve);
  if (xi % kLanes != 0) std::abort();
  return xi / kLanes;
}

void put(std::span<Word> out, std::size_t at, std::size_t words, const Limbs& plain) {
  std::copy_n(plain.begin(), words, out.begin() + static_cast<std::ptrdiff_t>(at * words));
}

// Choice bits of the OTs from number `first` on, one byte a group.
std::span<const std::uint8_t> choices_of(const ot::ReceiverOts& ots, std::size_t first, std::size_t groups) {
  if (first % kLanes != 0 || first + groups * kLanes > ots.size()) std::abort();
  return ots.choices().subspan(first / kLanes, groups);
}

// The sum over eight lanes and their limbs of 52 bits and a few more, mod n.
Secret<Limbs> sum_of_lanes(const Modulus& m, std::span<const Word> limbs) {
  SecretVector<Word> wide(kMaxLimbs + 1);
  mont::Wide carry = 0;
  for (std::size_t i = 0; i < limbs.size() / kLanes; ++i) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) carry += limbs[i * kLanes + lane];
    const std::size_t word = 52 * i / 64, shift = 52 * i % 64;
    const Word limb = static_cast<Word>(carry) & ((Word{1} << 52) - 1);
    wide.reveal()[word] |= limb << shift;
    if (shift > 12) wide.reveal()[word + 1] |= limb >> (64 - shift);
    carry >>= 52;
  }
  // What is carried out of the topmost limb begins inside the word above the modulus, or at its end.
  const std::size_t bit = 52 * (limbs.size() / kLanes), word = bit / 64, shift = bit % 64;
  wide.reveal()[word] |= static_cast<Word>(carry) << shift;
  Secret<Limbs> out;
  residue::reduce_wide(m, out.reveal(), std::as_const(wide).reveal().first(m.limbs + 1));
  return out;
}

}  // namespace

LaneStore::LaneStore(const Curve& curve)
    : curve_(curve),
      m_(curve.order()),
      kernels_(kernels(m_)),
      tables_(tables(curve)),
      groups_(groups_of(curve)),
      blocks_(blocks_per_ot(curve)),
      element_(kLanes * lane_limbs(m_.limbs)),
      rows_(groups_ * 3 * element_),
      choices_(groups_) {}

void LaneStore::blind(const ot::SenderOts& ots, std::size_t first,
                      const std::array<const SecretScalar*, 3>& shift, MutableByteView a_tilde) {
  const std::size_t row = 3 * curve_.scalar_size(), hashed_group = 2 * blocks_ * kLanes;
  if (a_tilde.size() != groups_ * kLanes * row) std::abort();
  SecretVector<Word> plain(3 * m_.limbs), hashed(2 * kChunk * hashed_group);
  for (std::size_t i = 0; i < 3; ++i) {
    const Secret<Limbs> one(shift[i]->plain());
    put(plain.reveal(), i, m_.limbs, one.reveal());
  }
  for (std::size_t g = 0; g < groups_; g += kChunk) {
    const std::size_t n = std::min(kChunk, groups_ - g);
    const auto out0 = hashed.reveal().first(n * hashed_group), out1 = hashed.reveal().last(n * hashed_group);
    ots.hash_lanes(first + g * kLanes, n * kLanes, blocks_, out0, out1);
    kernels_.blind(m_, tables_.reciprocal, n, out0.data(), out1.data(), plain.reveal().data(),
                   &rows_.reveal()[g * 3 * element_], &a_tilde[g * kLanes * row]);
  }
}

bool LaneStore::correct(const ot::ReceiverOts& ots, std::size_t first, ByteView a_tilde) {
  const std::size_t row = 3 * curve_.scalar_size(), hashed_group = 2 * blocks_ * kLanes;
  if (a_tilde.size() != groups_ * kLanes * row) std::abort();
  const auto choices = choices_of(ots, first, groups_);
  std::copy(choices.begin(), choices.end(), choices_.reveal().begin());
  SecretVector<Word> hashed(kChunk * hashed_group);
  Word all_below = ~Word{0};
  for (std::size_t g = 0; g < groups_; g += kChunk) {
    const std::size_t n = std::min(kChunk, groups_ - g);
    const auto out = hashed.reveal().first(n * hashed_group);
    ots.hash_lanes(first + g * kLanes, n * kLanes, blocks_, out);
    all_below &= kernels_.correct(m_, tables_.reciprocal, n, out.data(), &choices[g],
                                  &a_tilde[g * kLanes * row], &rows_.reveal()[g * 3 * element_]);
  }
  return all_below != 0;
}

void LaneStore::fold(const std::array<Scalar, 2>& theta, const Scalar* eta, MutableByteView mus) const {
  if (mus.size() != groups_ * kLanes * curve_.scalar_size()) std::abort();
  std::array<Word, 2 * kMaxLimbs> plain_theta{};
  put(plain_theta, 0, m_.limbs, theta[0].plain());
  put(plain_theta, 1, m_.limbs, theta[1].plain());
  const Limbs plain_eta = eta != nullptr ? eta->plain() : Limbs{};
  kernels_.fold(m_, groups_, rows_.reveal().data(), plain_theta.data(), plain_eta.data(),
                choices_.reveal().data(), mus.data());
}

SecretScalar LaneStore::weigh(std::size_t i) const {
  SecretVector<Word> sum(element_);
  kernels_.weigh(m_, groups_, rows_.reveal().data(), tables_.lane_gadget.data(), i, sum.reveal().data());
  return SecretScalar::from_plain(curve_, sum_of_lanes(m_, sum.reveal()).reveal());
}

SecretScalar LaneStore::weigh_choices(const Curve& curve, const ot::ReceiverOts& ots, std::size_t first) {
  const Modulus& m = curve.order();
  const std::size_t groups = groups_of(curve), limbs = lane_limbs(m.limbs);
  SecretVector<Word> sum(kLanes * limbs);
  kernels(m).choose(groups, tables(curve).lane_gadget.data(), choices_of(ots, first, groups).data(),
                    sum.reveal().data());
  // The gadget has a factor of 2^(52 limbs) where a Scalar has one of 2^(64 words).
  const std::size_t bit = 128 * m.limbs - 52 * limbs;
  Limbs step{};
  step[bit / 64] = Word{1} << (bit % 64);
  Secret<Limbs> out;
  residue::mont_mul(m, out.reveal(), sum_of_lanes(m, sum.reveal()).reveal(), step);
  return SecretScalar::from_montgomery(curve, out.reveal());
}

}  // namespace quorate::mul
