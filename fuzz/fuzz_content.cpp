// The content policy: no bytes have two contexts, and what is recognised as a context is what that
// context's check accepts, as far as it does not speak of another key or digest.
// Input: the content. The key is the P-256 generator.

#include "protocol/tecdsa/key_share.h"
#include "protocol/wire/content.h"
#include "protocol/wire/content_der.h"

using namespace quorate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Bytes spki = spki_der(Point::generator(Curve::p256()));
  const ByteView content(data, size);
  const auto recognised = wire::recognise(content);
  if (!recognised && wire::why_unrecognised(content).empty()) std::abort();
  for (int number = 1; number <= static_cast<int>(wire::Context::OcspResponseData); ++number) {
    const auto context = static_cast<wire::Context>(number);
    for (int digest = 1; digest <= 3; ++digest) {
      const auto verdict =
          wire::check_content(context, content, static_cast<wire::DigestAlgorithm>(digest), Curve::p256(), spki);
      if (verdict && recognised != context) std::abort();
    }
  }
  (void)wire::looks_like_revocation_list(content);
  (void)wire::public_key_bits(content);
  if (!der::valid(content)) return 0;
  // Strict DER has one encoding: taking the outer element apart and together again changes nothing.
  const auto outer = der::only(content, content[0]);
  if (!outer) std::abort();
  const auto again = der::encode(outer->tag, outer->value);
  if (!std::equal(again.begin(), again.end(), content.begin(), content.end())) std::abort();
  return 0;
}
