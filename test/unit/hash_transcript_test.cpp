#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <functional>
#include <map>
#include <string>

#include "protocol/hash/transcript.h"
#include "test/sim/seeded_rng.h"

namespace quorate {
namespace {

Digest sha256(ByteView input) {
  Digest out;
  EXPECT_EQ(EVP_Digest(input.data(), input.size(), out.bytes.data(), nullptr, EVP_sha256(), nullptr), 1);
  return out;
}

void append_number(Bytes& out, std::uint64_t number, int size) {
  while (size-- > 0) out.push_back(static_cast<std::uint8_t>(number >> (8 * size)));
}

void append_field(Bytes& out, ByteView field) {
  append_number(out, field.size(), 8);
  append(out, field);
}

Binding full_binding() {
  Binding b;
  b.curve = CurveId::P384;
  b.key.bytes.fill(0x11);
  b.epoch.bytes.fill(0x22);
  b.sid.bytes.fill(0x33);
  b.from = 4;
  b.to = 5;
  b.instance = 0x01020304;
  return b;
}

Bytes encoded_start(Label label, const Binding& b) {
  Bytes out;
  append_field(out, as_bytes(label_text(label)));
  out.push_back(kProtocolVersion);
  out.push_back(static_cast<std::uint8_t>(b.curve));
  append(out, b.key.view());
  append(out, b.epoch.view());
  append(out, b.sid.view());
  out.push_back(b.from);
  out.push_back(b.to);
  append_number(out, b.instance, 4);
  return out;
}

using Fill = std::function<void(Transcript&)>;
Digest digest_of(Label label, const Binding& binding, const Fill& fill) {
  Transcript t(label, binding);
  fill(t);
  return std::move(t).digest();
}

TEST(Transcript, IsSha256OfTheDocumentedEncoding) {
  const Binding binding = full_binding();
  const Point g = Point::generator(Curve::p256());
  const Scalar seven(Curve::p384(), 7);
  KeyId key;
  key.bytes.fill(0x44);
  Transcript t(Label::EpochId, binding);
  t.add(ByteView(Bytes{1, 2, 3}))
      .add("text")
      .add_number(258)
      .add(g)
      .add(seven)
      .add(key)
      .add_quorum(Quorum{1, 3, 16});
  t.add_points(std::vector<Point>{g, g + g});
  t.add_secret(SecretScalar(seven));

  Bytes expected = encoded_start(Label::EpochId, binding);
  append_field(expected, Bytes{1, 2, 3});
  append_field(expected, as_bytes("text"));
  append_field(expected, Bytes{0, 0, 0, 0, 0, 0, 1, 2});
  append_field(expected, g.encode());
  append_field(expected, seven.encode());
  append_field(expected, key.view());
  append_field(expected, Bytes{0, 0, 0, 0, 0, 0, 0, 3});
  for (const PartyId member : Quorum{1, 3, 16}) append_field(expected, ByteView(&member, 1));
  append_field(expected, Bytes{0, 0, 0, 0, 0, 0, 0, 2});
  append_field(expected, g.encode());
  append_field(expected, (g + g).encode());
  append_field(expected, seven.encode());
  EXPECT_EQ(std::move(t).digest(), sha256(expected));
}

/// Fixed for good: two versions that disagree here cannot run a protocol together.
TEST(Transcript, GoldenDigestAndExpansion) {
  const auto make = [] {
    Transcript t(Label::KeygenCommit, full_binding());
    t.add("golden").add_number(42);
    return t;
  };
  EXPECT_EQ(make().digest().hex(), "6ab6ed277082ce2f2bf2a67182a725d58881ba1e1d2db4cff1c9659568568df9");
  EXPECT_EQ(to_hex(make().expand(40)),
            "35801ce8bc11c016312bf1b46be153573d0e3d302d043fcca0473215bcbc94f2b1881d85f02aa057");
}

TEST(Transcript, ExpansionIsCounterModeOverTheDigest) {
  const Digest digest = Transcript(Label::Gadget, {}).digest();
  for (const std::size_t size : {0u, 1u, 31u, 32u, 33u, 64u, 100u, 1000u}) {
    Bytes expected;
    for (std::uint32_t i = 0; expected.size() < size; ++i) {
      Bytes block(40);
      block[3] = 1;
      std::copy(digest.bytes.begin(), digest.bytes.end(), block.begin() + 4);
      for (std::size_t k = 0; k < 4; ++k) block[36 + k] = static_cast<std::uint8_t>(i >> (8 * (3 - k)));
      append(expected, sha256(block).view());
    }
    expected.resize(size);
    EXPECT_EQ(Transcript(Label::Gadget, {}).expand(size), expected);
    const SecretBytes secret = Transcript(Label::Gadget, {}).expand_secret(size);
    EXPECT_EQ(to_hex(secret.reveal()), to_hex(expected));
  }
}

TEST(Transcript, ScalarsAreTheReducedWideExpansion) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384(), &Curve::toy()}) {
    const Bytes wide = Transcript(Label::Gadget, {}).expand(curve->wide_size());
    const Scalar expected = Scalar::reduce(*curve, wide);
    EXPECT_EQ(Transcript(Label::Gadget, {}).scalar(*curve), expected);
    EXPECT_EQ(declassify(Transcript(Label::Gadget, {}).secret_scalar(*curve)), expected);
  }
}

TEST(Transcript, ShiftedBordersOfFieldsGiveOtherDigests) {
  const std::map<std::string, Fill> variants = {
      {"ab|c", [](Transcript& t) { t.add("ab").add("c"); }},
      {"a|bc", [](Transcript& t) { t.add("a").add("bc"); }},
      {"abc", [](Transcript& t) { t.add("abc"); }},
      {"abc|", [](Transcript& t) { t.add("abc").add(""); }},
      {"|abc", [](Transcript& t) { t.add("").add("abc"); }},
      {"a|b|c", [](Transcript& t) { t.add("a").add("b").add("c"); }},
      {"c|ab", [](Transcript& t) { t.add("c").add("ab"); }},
      {"", [](Transcript&) {}},
      {"|", [](Transcript& t) { t.add(""); }},
      {"||", [](Transcript& t) { t.add("").add(""); }},
      {"0", [](Transcript& t) { t.add_number(0); }},
      {"1", [](Transcript& t) { t.add_number(1); }},
      {"byte 1", [](Transcript& t) { t.add(ByteView(Bytes{1})); }},
      {"quorum 1,2|3",
       [](Transcript& t) {
         t.add_quorum(Quorum{1, 2}).add_quorum(Quorum{3});
       }},
      {"quorum 1|2,3",
       [](Transcript& t) {
         t.add_quorum(Quorum{1}).add_quorum(Quorum{2, 3});
       }},
      {"quorum 1,2,3",
       [](Transcript& t) {
         t.add_quorum(Quorum{1, 2, 3});
       }},
      {"quorum 2,1,3",
       [](Transcript& t) {
         t.add_quorum(Quorum{2, 1, 3});
       }},
      {"embedded length",
       [](Transcript& t) {
         Bytes inner;
         append_field(inner, as_bytes("ab"));
         append_field(inner, as_bytes("c"));
         t.add(ByteView(inner));
       }},
      {"points 1|2",
       [](Transcript& t) {
         const Point g = Point::generator(Curve::p256());
         t.add_points(std::vector<Point>{g}).add_points(std::vector<Point>{g, g});
       }},
      {"points 2|1",
       [](Transcript& t) {
         const Point g = Point::generator(Curve::p256());
         t.add_points(std::vector<Point>{g, g}).add_points(std::vector<Point>{g});
       }},
  };
  std::map<Digest, std::string> seen;
  for (const auto& [name, fill] : variants) {
    const auto [at, fresh] = seen.emplace(digest_of(Label::EpochId, {}, fill), name);
    EXPECT_TRUE(fresh) << name << " collides with " << at->second;
  }
}

TEST(Transcript, EveryPartOfTheBindingAndTheLabelCounts) {
  const Binding base = full_binding();
  std::vector<Binding> bindings(12, base);
  bindings[1].curve = CurveId::P256;
  bindings[2].key.bytes[0] ^= 1;
  bindings[3].key.bytes[31] ^= 0x80;
  bindings[4].epoch.bytes[31] ^= 1;
  bindings[5].sid.bytes[0] ^= 1;
  bindings[6].from = 5;
  bindings[7].to = 4;
  bindings[8] = base.towards(base.to, base.from);
  bindings[9].instance ^= 1;
  bindings[10] = base.at(0x04030201);
  bindings[11] = Binding{};
  std::map<Digest, std::size_t> seen;
  for (std::size_t i = 0; i < bindings.size(); ++i) {
    EXPECT_TRUE(seen.emplace(Transcript(Label::EpochId, bindings[i]).digest(), i).second) << i;
  }
  EXPECT_TRUE(seen.emplace(Transcript(Label::SetupId, base).digest(), 100).second);
}

TEST(Transcript, AnExpandedBlockIsNeverATranscript) {
  // The prefix word of a block is 1; a transcript begins with the high half of a length, which is 0.
  const Bytes start = encoded_start(Label::EpochId, {});
  EXPECT_EQ(Bytes(start.begin(), start.begin() + 4), (Bytes{0, 0, 0, 0}));
}

TEST(TranscriptDeathTest, FinishingTwiceEndsTheProcess) {
  Transcript t(Label::EpochId, {});
  static_cast<void>(std::move(t).digest());
  EXPECT_DEATH(static_cast<void>(std::move(t).digest()), "");  // NOLINT: the point of the test
  EXPECT_DEATH(t.add("more"), "");
}

}  // namespace
}  // namespace quorate
