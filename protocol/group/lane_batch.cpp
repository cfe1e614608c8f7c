#include "protocol/group/lane_batch.h"

#include <algorithm>
#include <cstdlib>

#include "protocol/group/lanes.h"
#include "protocol/group/windowed.h"

namespace quorate {
namespace {

constexpr std::size_t kWidth = 5;

void require(bool ok) {
  if (!ok) std::abort();
}

std::size_t groups_of(std::size_t items) { return (items + kLanes - 1) / kLanes; }

/// What a kernel works in. Kept by the thread, as a fresh one costs more page faults than some kernels compute;
/// wiped after each use.
class Workspace {
 public:
  explicit Workspace(std::size_t size) : blocks_((size + sizeof(Block) - 1) / sizeof(Block)) {
    if (memory().size() < blocks_) memory() = SecretVector<Block>(blocks_);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() { ct::wipe(get(), blocks_ * sizeof(Block)); }
  [[nodiscard]] void* get() const { return memory().reveal().data(); }

 private:
  struct alignas(64) Block {
    std::uint64_t words[kLanes];
  };
  static SecretVector<Block>& memory() {
    thread_local SecretVector<Block> blocks;
    return blocks;
  }
  std::size_t blocks_;
};

/// The digits of all scalars of some lists. To each window 16 is added: then they are the plain digits of five
/// bits, and only the highest, which has no bound, may reach 32.
class Digits {
 public:
  Digits(std::size_t lists, std::size_t windows, std::size_t groups)
      : windows_(windows), items_(groups * kLanes), words_(lists * windows * items_) {
    std::fill(words_.reveal().begin(), words_.reveal().end(), 16);
  }
  void set(std::size_t list, std::size_t item, const Limbs& k) {
    std::uint64_t* out = &words_.reveal()[list * windows_ * items_ + item];
    std::uint64_t carry = 0;
    for (std::size_t w = 0; w < windows_; w += kChunk) {
      const std::size_t bit = kWidth * w, count = std::min(kChunk, windows_ - w);
      std::uint64_t bits = k[bit / 64] >> bit % 64;
      if (bit % 64 > 4 && bit / 64 + 1 < kMaxLimbs) bits |= k[bit / 64 + 1] << (64 - bit % 64);
      bits = (bits & kMask) + (kSixteens & ((std::uint64_t{1} << kWidth * count) - 1)) + carry;
      carry = bits >> kWidth * kChunk;
      for (std::size_t i = 0; i + 1 < count; ++i, bits >>= kWidth) out[(w + i) * items_] = bits & 31;
      out[(w + count - 1) * items_] = w + count < windows_ ? bits & 31 : bits;
    }
  }
  [[nodiscard]] const std::uint64_t* get() const { return words_.reveal().data(); }

 private:
  static constexpr std::size_t kChunk = 12;  ///< windows in one word
  static constexpr std::uint64_t kMask = (std::uint64_t{1} << kWidth * kChunk) - 1;
  static constexpr std::uint64_t kSixteens = kMask / 31 * 16;
  std::size_t windows_, items_;
  SecretVector<std::uint64_t> words_;
};

/// x and y of each point in the kernel's words. Wiped, as keys of OTs follow from some.
class PointWords {
 public:
  PointWords(const LaneKernels& kernels, std::size_t groups)
      : size_(kernels.words), words_(2 * size_ * groups * kLanes) {}
  void set(std::size_t item, const Affine& p) {
    std::copy_n(p.x.begin(), size_, &words_[2 * size_ * item]);
    std::copy_n(p.y.begin(), size_, &words_[2 * size_ * item + size_]);
  }
  [[nodiscard]] Affine at(std::size_t item) const {
    Affine p;
    std::copy_n(&words_[2 * size_ * item], size_, p.x.begin());
    std::copy_n(&words_[2 * size_ * item + size_], size_, p.y.begin());
    return p;
  }
  [[nodiscard]] std::uint64_t* get() { return words_.data(); }
  [[nodiscard]] std::size_t bytes() const { return words_.size() * sizeof(std::uint64_t); }

 private:
  std::size_t size_;
  std::vector<std::uint64_t, WipingAllocator<std::uint64_t>> words_;
};

/// The products are public from here on.
std::vector<Point> points_of(const Curve& curve, const PointWords& words, std::size_t first, std::size_t count) {
  std::vector<Point> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(Point::from_checked(curve, words.at(first + i)));
  return out;
}

/// A kernel that computed something off the curve was hit by a fault, which must not leave this floor.
void require_no_fault(std::uint64_t (&faults)[kLanes]) {
  ct::unpoison(faults, sizeof faults);
  for (const auto word : faults) require(word == 0);
}

/// (j + 1) 32^w G at 16 w + j, as multiply_base takes them. The same for all kernels of a curve.
std::vector<std::uint64_t> make_base_table(const LaneKernels& kernels, std::span<const Affine> multiples) {
  PointWords points(kernels, groups_of(multiples.size()));
  for (std::size_t i = 0; i < multiples.size(); ++i) points.set(i, multiples[i]);
  std::vector<std::uint64_t> out(2 * kernels.limbs * groups_of(multiples.size()) * kLanes);
  kernels.prepare_base(out.data(), points.get(), groups_of(multiples.size()) * kLanes);
  return out;
}

const std::uint64_t* base_table(const LaneKernels& kernels, const Curve& curve) {
  if (curve.id() == CurveId::P256) {
    static const auto p256 = make_base_table(kernels, p256_multiplication().base_multiples());
    return p256.data();
  }
  static const auto p384 = make_base_table(kernels, p384_multiplication().base_multiples());
  return p384.data();
}

}  // namespace

std::array<std::vector<Point>, 2> lane_products(const LaneKernels& kernels, const Curve& curve,
                                                std::span<const std::span<const Limbs>> lists,
                                                std::span<const Point> p) {
  const std::size_t groups = groups_of(p.size());
  require(lists.size() == 1 || lists.size() == 2);
  Digits digits(lists.size(), kernels.windows, groups);
  PointWords points(kernels, groups), out(kernels, lists.size() * groups);
  const auto coordinates = affine_all(p);
  // Infinity, and what fills up the last group: 0 G instead.
  const Affine generator = affine_all(std::vector{Point::generator(curve)}).front();
  for (std::size_t i = 0; i < groups * kLanes; ++i) {
    const bool infinite = i >= p.size() || p[i].is_infinity();
    points.set(i, infinite ? generator : coordinates[i]);
    for (std::size_t list = 0; list < lists.size() && !infinite; ++list) {
      require(lists[list].size() == p.size());
      digits.set(list, i, lists[list][i]);
    }
  }
  std::uint64_t faults[kLanes] = {};
  {
    const Workspace work(kernels.work_size);
    kernels.multiply({points.get(), digits.get(), groups, lists.size(), kernels.windows, out.get(), faults, work.get()});
  }
  require_no_fault(faults);
  ct::unpoison(out.get(), out.bytes());
  std::array<std::vector<Point>, 2> products;
  for (std::size_t list = 0; list < lists.size(); ++list)
    products[list] = points_of(curve, out, list * groups * kLanes, p.size());
  return products;
}

std::vector<Point> lane_base_products(const LaneKernels& kernels, const Curve& curve, std::span<const Limbs> k) {
  const std::size_t groups = groups_of(k.size());
  Digits digits(1, kernels.windows, groups);
  for (std::size_t i = 0; i < k.size(); ++i) digits.set(0, i, k[i]);
  PointWords out(kernels, groups);
  std::uint64_t faults[kLanes] = {};
  {
    const Workspace work(kernels.work_size);
    kernels.multiply_base({base_table(kernels, curve), digits.get(), groups, 1, kernels.windows, out.get(), faults,
                           work.get()});
  }
  require_no_fault(faults);
  ct::unpoison(out.get(), out.bytes());
  return points_of(curve, out, 0, k.size());
}

std::vector<Point> lane_add_hashes(const LaneKernels& kernels, const Curve& curve, std::span<const Point> p,
                                   std::span<const Limbs> fields, bool subtract) {
  const std::size_t groups = groups_of(p.size());
  require(fields.size() == 2 * p.size());
  PointWords points(kernels, groups), out(kernels, groups);
  SecretVector<std::uint64_t> words(2 * kernels.words * groups * kLanes);
  const auto coordinates = affine_all(p);
  for (std::size_t i = 0; i < p.size(); ++i) {
    points.set(i, coordinates[i]);
    for (std::size_t half = 0; half < 2; ++half)
      std::copy_n(fields[2 * i + half].begin(), kernels.words,
                  words.reveal().begin() + static_cast<std::ptrdiff_t>((2 * i + half) * kernels.words));
  }
  ct::poison(points.get(), points.bytes());
  std::uint64_t faults[kLanes] = {};
  {
    const Workspace work(kernels.work_size);
    kernels.add_hashes({.points = points.get(),
                        .groups = groups,
                        .out = out.get(),
                        .faults = faults,
                        .work = work.get(),
                        .fields = words.reveal().data(),
                        .subtract = subtract});
  }
  require_no_fault(faults);
  ct::unpoison(out.get(), out.bytes());
  return points_of(curve, out, 0, p.size());
}

SecretVector<Homogeneous> lane_sum(const LaneKernels& kernels, const Curve&, std::span<const Limbs> k,
                                   std::span<const Point> p, std::size_t bits) {
  const std::size_t groups = groups_of(p.size()), windows = bits / kWidth + 1;
  require(k.size() == p.size());
  Digits digits(1, windows, groups);
  PointWords points(kernels, groups);
  const auto coordinates = affine_all(p);
  for (std::size_t i = 0; i < p.size(); ++i) {
    points.set(i, coordinates[i]);
    digits.set(0, i, k[i]);
  }
  SecretVector<std::uint64_t> out(3 * kernels.words * kLanes);
  {
    const Workspace work(kernels.sum_size);
    kernels.sum({points.get(), digits.get(), groups, 1, windows, out.reveal().data(), nullptr, work.get()});
  }
  SecretVector<Homogeneous> parts(kLanes);
  for (std::size_t i = 0; i < kLanes; ++i) {
    Homogeneous& part = parts.reveal()[i];
    Limbs* const coordinate[] = {&part.x, &part.y, &part.z};
    for (std::size_t c = 0; c < 3; ++c)
      std::copy_n(&out.reveal()[(3 * i + c) * kernels.words], kernels.words, coordinate[c]->begin());
  }
  return parts;
}

}  // namespace quorate
