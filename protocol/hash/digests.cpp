#include "protocol/hash/digests.h"

#include <algorithm>
#include <cstdlib>

#include "protocol/group/lanes.h"
#include "protocol/hash/sha256_lanes.h"

namespace quorate {
namespace {

Digest single(Label label, const Binding& binding, ByteView string) {
  return std::move(Transcript(label, binding).add(string)).digest();
}

#if defined(QUORATE_IFMA)
/// With fewer messages than this the other lanes would be idle for longer than one after the other takes.
constexpr std::size_t kFewest = 8;

void put_big_endian(std::uint8_t* out, std::uint64_t number, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::uint8_t>(number >> (8 * (bytes - 1 - i)));
}

/// Up to sixteen messages head || string of one length, block by block: the first ones out of a copy, as the
/// heads end anywhere, most out of the strings, and the last ones, with the padding, out of a copy again.
class LaneHash {
 public:
  LaneHash(std::span<const Bytes> heads, std::span<const ByteView> strings)
      : heads_(heads), strings_(strings), head_(heads[0].size()), string_(strings[0].size()) {
    static constexpr std::uint32_t kInitial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (std::size_t i = 0; i < 8; ++i) std::fill_n(&state_[i * kShaLanes], kShaLanes, kInitial[i]);
  }
  LaneHash(const LaneHash&) = delete;
  LaneHash& operator=(const LaneHash&) = delete;
  ~LaneHash() { ct::wipe(state_, sizeof state_); }

  void run() {
    // How much of a string follows its head to the end of a block, and how much of it is in whole blocks.
    const std::size_t begin = std::min(string_, (kShaBlock - head_ % kShaBlock) % kShaBlock);
    const std::size_t middle = (string_ - begin) / kShaBlock * kShaBlock;
    const bool whole = (head_ + begin) % kShaBlock == 0;
    if (whole) {
      copied(head_ + begin, [&](std::size_t lane, std::uint8_t* out) {
        out = std::copy(heads_[lane].begin(), heads_[lane].end(), out);
        std::copy_n(strings_[lane].begin(), begin, out);
      });
      const std::uint8_t* in[kShaLanes];
      for (std::size_t lane = 0; lane < kShaLanes; ++lane) in[lane] = strings_[of(lane)].data() + begin;
      sha256_lanes(state_, in, middle / kShaBlock);
    }
    const std::size_t done = whole ? begin + middle : 0, rest = string_ - done, front = whole ? 0 : head_;
    const std::size_t last = (front + rest + 1 + 8 + kShaBlock - 1) / kShaBlock * kShaBlock;
    copied(last, [&](std::size_t lane, std::uint8_t* out) {
      std::uint8_t* const length = out + last - 8;
      out = std::copy_n(heads_[lane].begin(), front, out);
      out = std::copy_n(strings_[lane].begin() + static_cast<std::ptrdiff_t>(done), rest, out);
      *out++ = 0x80;
      std::fill(out, length, std::uint8_t{0});
      put_big_endian(length, 8 * std::uint64_t{head_ + string_}, 8);
    });
  }
  [[nodiscard]] Digest digest(std::size_t lane) const {
    Digest out;
    for (std::size_t i = 0; i < 8; ++i) put_big_endian(&out.bytes[4 * i], state_[i * kShaLanes + lane], 4);
    return out;
  }

 private:
  /// A lane without a message of its own works on the first one's.
  [[nodiscard]] std::size_t of(std::size_t lane) const { return lane < strings_.size() ? lane : 0; }
  template <class Put>
  void copied(std::size_t size, Put&& put) {
    SecretBytes blocks(strings_.size() * size);
    for (std::size_t lane = 0; lane < strings_.size(); ++lane) put(lane, &blocks.reveal()[lane * size]);
    const std::uint8_t* in[kShaLanes];
    for (std::size_t lane = 0; lane < kShaLanes; ++lane) in[lane] = &blocks.reveal()[of(lane) * size];
    sha256_lanes(state_, in, size / kShaBlock);
  }

  std::span<const Bytes> heads_;
  std::span<const ByteView> strings_;
  std::size_t head_, string_;
  std::uint32_t state_[8 * kShaLanes];
};

void hash_in_lanes(Label label, std::span<const Binding> bindings, std::span<const ByteView> strings,
                   std::vector<Digest>& out) {
  std::vector<Bytes> heads;
  heads.reserve(bindings.size());
  for (const auto& binding : bindings) {
    std::uint8_t length[8];
    put_big_endian(length, strings[0].size(), 8);
    append(heads.emplace_back(transcript_head(label, binding)), length);
  }
  LaneHash hash(heads, strings);
  hash.run();
  for (std::size_t i = 0; i < strings.size(); ++i) out.push_back(hash.digest(i));
}
#endif

}  // namespace

std::vector<Digest> digests(Label label, std::span<const Binding> bindings,
                            std::span<const ByteView> strings) {
  if (bindings.size() != strings.size() ||
      std::any_of(strings.begin(), strings.end(), [&](ByteView s) { return s.size() != strings[0].size(); }))
    std::abort();
  std::vector<Digest> out;
  out.reserve(strings.size());
#if defined(QUORATE_IFMA)
  while (lanes_in_use() == Lanes::Ifma && strings.size() - out.size() >= kFewest) {
    const std::size_t first = out.size(), count = std::min(kShaLanes, strings.size() - first);
    hash_in_lanes(label, bindings.subspan(first, count), strings.subspan(first, count), out);
  }
#endif
  for (std::size_t i = out.size(); i < strings.size(); ++i)
    out.push_back(single(label, bindings[i], strings[i]));
  return out;
}

}  // namespace quorate
