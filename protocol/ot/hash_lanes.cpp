#include <cstdlib>
#include <cstring>

#include "protocol/base/secret.h"
#include "protocol/group/lanes.h"
#include "protocol/ot/aes.h"
#include "protocol/ot/vaes.h"

#if defined(QUORATE_IFMA)
#include <cpuid.h>
#endif

namespace quorate::ot {
namespace {

#if defined(QUORATE_IFMA)
bool has_vaes() {
  static const bool has = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    // The round keys take AES-NI, too.
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) == 1 && (c & bit_VAES) != 0 && __get_cpuid(1, &a, &b, &c, &d) == 1 &&
           (c & bit_AES) != 0;
  }();
  return has;
}
#endif

}  // namespace

void hash_lanes(const Block& key, const Block& flip, std::span<const Block> in, std::uint64_t first,
                std::size_t width, std::span<std::uint64_t> out) {
  if (in.size() % kLanes != 0 || out.size() != 2 * in.size() * width) std::abort();
#if defined(QUORATE_IFMA)
  if (lanes_in_use() == Lanes::Ifma && has_vaes()) {
    vaes_hash_lanes(key.data(), flip.data(), reinterpret_cast<const std::uint8_t*>(in.data()), first,
                    in.size() / kLanes, width, out.data());
    return;
  }
#endif
  SecretVector<Block> flipped(in.size()), hashed(in.size() * width);
  for (std::size_t i = 0; i < in.size(); ++i) {
    flipped.reveal()[i] = in[i];
    xor_into(flipped.reveal().subspan(i, 1), {&flip, 1});
  }
  FixedKeyAes(key).hash(std::as_const(flipped).reveal(), first, width, hashed.reveal());
  for (std::size_t i = 0; i < in.size(); ++i)
    for (std::size_t word = 0; word < 2 * width; ++word)
      std::memcpy(&out[(i / kLanes * 2 * width + word) * kLanes + i % kLanes],
                  hashed.reveal()[i * width + word / 2].data() + 8 * (word % 2), 8);
}

}  // namespace quorate::ot
