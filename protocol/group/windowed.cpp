#include "protocol/group/windowed.h"

#include <algorithm>
#include <cstdlib>

#include "protocol/group/multiples.h"

namespace quorate {

template <std::size_t N>
Windowed<N>::Windowed(const Curve& curve)
    : law_(curve),
      // The highest window reaches above the top bit, so that its digit is not negative.
      windows_(curve.order_bits() / kWidth + 1),
      base_(multiples(law_, Point::generator(curve), kWidth, windows_)) {}

/// Booth's recoding: the five bits of the window and the one below it, as a digit of weight 2^(5 window).
template <std::size_t N>
typename Windowed<N>::Digit Windowed<N>::digit(const Limbs& k, std::size_t window) const {
  std::uint64_t bits = 0;  // bit i is bit 5 window - 1 + i of k
  for (std::size_t i = 0; i <= kWidth; ++i) {
    const std::size_t at = kWidth * window + i;  // one too high, so that it is never negative
    if (at == 0 || at > 64 * kMaxLimbs) continue;
    bits |= (k[(at - 1) / 64] >> ((at - 1) % 64) & 1) << i;
  }
  const std::uint64_t negative = bits >> kWidth;
  const std::uint64_t mask = ct::mask(negative);
  const std::uint64_t distance = ct::select(mask, (std::uint64_t{2} << kWidth) - 1 - bits, bits);
  return {(distance >> 1) + (distance & 1), negative};
}

template <std::size_t N>
Projective<N> Windowed<N>::with_sign(Projective<N> p, const Digit& d) const {
  p.y = law_.field().choose(d.negative, p.y, law_.field().negate(p.y));
  return p;
}

/// A projective Z tells something about the scalar, so that it does not stay in memory.
template <std::size_t N>
Point Windowed<N>::finish(Projective<N>& sum) const {
  Point out = law_.to_point(sum);
  ct::wipe(&sum, sizeof sum);
  return out;
}

template <std::size_t N>
void Windowed<N>::fill_table(Projective<N>* table, const Point& p) const {
  table[0] = law_.from_point(p);
  for (std::size_t j = 1; j < kEntries; ++j) table[j] = law_.add(table[j - 1], table[0]);
}

/// The digit's multiple out of a table of fill_table().
template <std::size_t N>
Projective<N> Windowed<N>::choose(const Projective<N>* table, const Digit& d) const {
  const Field<N>& f = law_.field();
  Projective<N> chosen = law_.infinity();
  for (std::size_t j = 0; j < kEntries; ++j) {
    const std::uint64_t here = ct::is_zero(d.magnitude ^ (j + 1));
    chosen.x = f.choose(here, chosen.x, table[j].x);
    chosen.y = f.choose(here, chosen.y, table[j].y);
    chosen.z = f.choose(here, chosen.z, table[j].z);
  }
  return with_sign(chosen, d);
}

template <std::size_t N>
Projective<N> Windowed<N>::sum_of_products(std::span<const Limbs> k, std::span<const Point> p) const {
  std::vector<Projective<N>> tables(p.size() * kEntries);
  for (std::size_t i = 0; i < p.size(); ++i) fill_table(&tables[i * kEntries], p[i]);
  Projective<N> sum = law_.infinity();
  for (std::size_t w = windows_; w-- > 0;) {
    if (w + 1 < windows_) sum = law_.double_repeatedly(sum, kWidth);
    for (std::size_t i = 0; i < p.size(); ++i) sum = law_.add(sum, choose(&tables[i * kEntries], digit(k[i], w)));
  }
  return sum;
}

template <std::size_t N>
Point Windowed<N>::multiply(const Limbs& k, const Point& p) const {
  Projective<N> sum = sum_of_products({&k, 1}, {&p, 1});
  return finish(sum);
}

template <std::size_t N>
Projective<N> Windowed<N>::base_product(const Limbs& k) const {
  const Field<N>& f = law_.field();
  Projective<N> sum = law_.infinity();
  for (std::size_t w = 0; w < windows_; ++w) {
    const Digit d = digit(k, w);
    const Finite<N>* row = &base_[w * kEntries];
    Finite<N> chosen{{}, f.one()};
    for (std::size_t j = 0; j < kEntries; ++j) {
      const std::uint64_t here = ct::is_zero(d.magnitude ^ (j + 1));
      chosen.x = f.choose(here, chosen.x, row[j].x);
      chosen.y = f.choose(here, chosen.y, row[j].y);
    }
    Projective<N> q{chosen.x, chosen.y, f.choose(ct::is_zero(d.magnitude), f.one(), {})};
    sum = law_.add(sum, with_sign(q, d));
  }
  return sum;
}

template <std::size_t N>
Point Windowed<N>::multiply_base(const Limbs& k) const {
  Projective<N> sum = base_product(k);
  return finish(sum);
}

template <std::size_t N>
bool Windowed<N>::closes(Projective<N>& p, const Limbs& g, const Point& q) const {
  Projective<N> part = base_product(g);
  p = law_.add(p, part);
  p = law_.add(p, law_.from_point(q));
  std::uint64_t infinite = law_.field().is_zero(p.z);
  ct::wipe(&part, sizeof part);
  ct::wipe(&p, sizeof p);
  ct::unpoison(&infinite, sizeof infinite);
  return infinite != 0;
}

template <std::size_t N>
bool Windowed<N>::vanishes(std::span<const Limbs> k, std::span<const Point> p, const Limbs& g, const Point& q) const {
  if (k.size() != p.size()) std::abort();
  Projective<N> sum = law_.infinity();
  for (std::size_t i = 0; i < p.size(); i += kTogether) {
    const std::size_t n = std::min(kTogether, p.size() - i);
    Projective<N> part = sum_of_products(k.subspan(i, n), p.subspan(i, n));
    sum = law_.add(sum, part);
    ct::wipe(&part, sizeof part);
  }
  return closes(sum, g, q);
}

template <std::size_t N>
Projective<N> Windowed<N>::add_up(std::span<const Homogeneous> parts) const {
  Projective<N> sum = law_.infinity();
  for (const auto& part : parts) sum = law_.add(sum, law_.from_plain(part));
  return sum;
}

template <std::size_t N>
bool Windowed<N>::vanishes(std::span<const Homogeneous> parts, const Limbs& g, const Point& q) const {
  Projective<N> sum = add_up(parts);
  return closes(sum, g, q);
}

template <std::size_t N>
Point Windowed<N>::sum(std::span<const Homogeneous> parts) const {
  return law_.to_point(add_up(parts));
}

template <std::size_t N>
std::vector<Affine> Windowed<N>::base_multiples() const {
  std::vector<Affine> out;
  out.reserve(base_.size());
  for (const auto& entry : base_) out.push_back({law_.field().plain(entry.x), law_.field().plain(entry.y)});
  return out;
}

template class Windowed<1>;
template class Windowed<4>;
template class Windowed<6>;

const Windowed<6>& p384_multiplication() {
  static const Windowed<6> instance(Curve::p384());
  return instance;
}

const Windowed<4>& p256_multiplication() {
  static const Windowed<4> instance(Curve::p256());
  return instance;
}

const Windowed<1>& toy_multiplication() {
  static const Windowed<1> instance(Curve::toy());
  return instance;
}

}  // namespace quorate
