#include "protocol/mul/rows.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "protocol/mul/gadget.h"
#include "protocol/mul/lane_store.h"
#include "protocol/mul/rvole.h"
#include "protocol/mul/triples.h"

namespace quorate::mul {
namespace {

// OTs hashed and reduced at a time: little enough to stay in the first-level cache.
constexpr std::size_t kChunk = 104;

// Choice bits of one instance as masks.
SecretVector<Word> choice_masks(const ot::ReceiverOts& ots, std::size_t first, std::size_t xi) {
  if (first + xi > ots.size()) std::abort();
  SecretVector<Word> masks(xi);
  for (std::size_t j = 0; j < xi; ++j) masks.reveal()[j] = ct::mask(ots.choice(first + j));
  return masks;
}

/// One residue after the other, in words.
class WordRows final : public Rows {
 public:
  explicit WordRows(const Curve& curve)
      : curve_(curve),
        m_(curve.order()),
        xi_(ot::ots_per_multiplication(curve)),
        blocks_(blocks_per_ot(curve)),
        rows_(xi_ * 3 * m_.limbs) {}

  void blind(const ot::SenderOts& ots, std::size_t first, const std::array<const SecretScalar*, 3>& shift,
             MutableByteView a_tilde) override {
    SecretVector<Word> blinded(rows_.size()), plain_shift(3 * m_.limbs);
    SecretVector<ot::Block> hashed(2 * kChunk * blocks_);
    in_chunks([&](std::size_t j, std::size_t n) {
      const auto out0 = hashed.reveal().first(n * blocks_), out1 = hashed.reveal().last(n * blocks_);
      ots.hash(first + j, n, blocks_, out0, out1);
      reduce(rows_, j, out0);
      reduce(blinded, j, out1);
    });
    for (std::size_t i = 0; i < 3; ++i) {
      const Secret<Limbs> plain(shift[i]->plain());
      std::copy_n(plain.reveal().begin(), m_.limbs,
                  plain_shift.reveal().begin() + static_cast<std::ptrdiff_t>(i * m_.limbs));
    }
    blind_rows(m_, blinded.reveal(), rows_.reveal(), plain_shift.reveal());
    encode(m_, a_tilde, curve_.scalar_size(), blinded.reveal());
  }

  bool correct(const ot::ReceiverOts& ots, std::size_t first, ByteView a_tilde) override {
    std::vector<Word> correction(rows_.size());
    if (!decode(m_, correction, a_tilde, curve_.scalar_size())) return false;
    SecretVector<ot::Block> hashed(kChunk * blocks_);
    in_chunks([&](std::size_t j, std::size_t n) {
      const auto out = hashed.reveal().first(n * blocks_);
      ots.hash(first + j, n, blocks_, out);
      reduce(rows_, j, out);
    });
    masks_ = choice_masks(ots, first, xi_);
    correct_rows(m_, rows_.reveal(), masks_.reveal(), correction);
    return true;
  }

  void fold(const std::array<Scalar, 2>& theta, const Scalar* eta, MutableByteView mus) const override {
    SecretVector<Word> folded(xi_ * m_.limbs);
    fold_rows(m_, folded.reveal(), rows_.reveal(), theta[0].montgomery(), theta[1].montgomery());
    if (eta != nullptr) subtract_where(m_, folded.reveal(), masks_.reveal(), eta->plain());
    encode(m_, mus, curve_.scalar_size(), folded.reveal());
  }

  [[nodiscard]] SecretScalar weigh(std::size_t i) const override {
    Secret<Limbs> sum;
    residue::inner_product(m_, sum.reveal(), tables(curve_).gadget, rows_.reveal().subspan(i * m_.limbs), 3);
    return SecretScalar::from_plain(curve_, sum.reveal());
  }

 private:
  // Calls step(j, n) for chunks of rows j .. j+n-1.
  template <class Step>
  void in_chunks(Step&& step) const {
    for (std::size_t j = 0; j < xi_; j += kChunk) step(j, std::min(kChunk, xi_ - j));
  }
  // Rows j .. of `rows` from the hashed outputs of their OTs.
  void reduce(SecretVector<Word>& rows, std::size_t j, std::span<const ot::Block> hashed) const {
    const std::size_t n = hashed.size() / blocks_;
    reduce_rows(m_, tables(curve_).reciprocal, rows.reveal().subspan(3 * m_.limbs * j, 3 * m_.limbs * n),
                hashed, blocks_, curve_.wide_size());
  }

  const Curve& curve_;
  const Modulus& m_;
  const std::size_t xi_, blocks_;
  SecretVector<Word> rows_, masks_;
};

bool in_lanes(const Curve& curve) { return lanes_in_use() != Lanes::None && !curve.is_toy(); }

}  // namespace

std::unique_ptr<Rows> Rows::of(const Curve& curve) {
  if (in_lanes(curve)) return std::make_unique<LaneStore>(curve);
  return std::make_unique<WordRows>(curve);
}

SecretScalar weigh_choices(const Curve& curve, const ot::ReceiverOts& ots, std::size_t first) {
  if (in_lanes(curve)) return LaneStore::weigh_choices(curve, ots, first);
  const auto masks = choice_masks(ots, first, ot::ots_per_multiplication(curve));
  const Secret<Limbs> sum(sum_where(curve.order(), tables(curve).gadget, masks.reveal()));
  return SecretScalar::from_montgomery(curve, sum.reveal());
}

}  // namespace quorate::mul
